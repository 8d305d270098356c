#include "kube/review.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <map>

#include "kube/json_text.h"

namespace sandgate::kube {
namespace {

namespace ondemand = simdjson::ondemand;
using Extra = std::vector<std::pair<std::string, std::string>>;

constexpr size_t kAnswerBytesMax = 1024 * 1024;

Result<std::string> post(KubeTransport& transport, std::string path, std::string body, Millis timeout,
                         std::stop_token stop) {
  Request request;
  request.method = "POST";
  request.path = std::move(path);
  request.body = std::move(body);
  request.timeout = timeout;
  request.response_bytes_max = kAnswerBytesMax;
  auto answer = transport.request(request, stop);
  if (!answer) return tl::unexpected(answer.error());
  if (!answer->ok()) return fail(fmt::format("POST {}: {}", request.path, describe(parse_status(*answer))));
  return std::move(answer->body);
}

std::vector<std::string> texts(ondemand::value list) {
  std::vector<std::string> out;
  ondemand::array array;
  if (list.get_array().get(array) != simdjson::SUCCESS) return out;
  for (auto item : array) {
    std::string_view text;
    if (item.get_string().get(text) == simdjson::SUCCESS) out.emplace_back(text);
  }
  return out;
}

std::string text(ondemand::value value) {
  std::string_view out;
  return value.get_string().get(out) == simdjson::SUCCESS ? std::string(out) : std::string{};
}

bool flag(ondemand::value value) {
  bool out = false;
  return value.get_bool().get(out) == simdjson::SUCCESS && out;
}

/// Calls `each(key, value)` for the fields of the answer's status. The error: it is no such answer.
template <class Each>
Result<void> each_status_field(const std::string& body, Each&& each) {
  const simdjson::padded_string padded(body);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object status;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.find_field_unordered("status").get_object().get(status) != simdjson::SUCCESS) {
    return fail("the answer to a review has no status");
  }
  for (auto field : status) {
    std::string_view key;
    ondemand::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS || field.value().get(value) != simdjson::SUCCESS) {
      return fail("the answer to a review is broken");
    }
    each(key, value);
  }
  return {};
}

void read_user(ondemand::value value, TokenReviewAnswer& out) {
  ondemand::object user;
  if (value.get_object().get(user) != simdjson::SUCCESS) return;
  for (auto field : user) {
    std::string_view key;
    ondemand::value inner;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS || field.value().get(inner) != simdjson::SUCCESS) return;
    if (key == "username") out.user = text(inner);
    if (key == "uid") out.uid = text(inner);
    if (key == "groups") out.groups = texts(inner);
    if (key != "extra") continue;
    ondemand::object extra;
    if (inner.get_object().get(extra) != simdjson::SUCCESS) continue;
    for (auto one : extra) {
      std::string_view name;
      ondemand::value values;
      if (one.unescaped_key().get(name) != simdjson::SUCCESS || one.value().get(values) != simdjson::SUCCESS) return;
      const std::string kept(name);
      for (std::string& item : texts(values)) out.extra.emplace_back(kept, std::move(item));
    }
  }
}

std::string extra_json(const Extra& extra) {
  std::map<std::string, std::vector<std::string>> grouped;
  for (const auto& [key, value] : extra) grouped[key].push_back(value);
  std::string out = "{";
  for (const auto& [key, values] : grouped) {
    if (out.size() > 1) out += ',';
    out += json_quoted(key) + ":" + json_array(values);
  }
  return out + "}";
}

std::string attributes_json(const AccessQuestion& question) {
  std::string out = "{\"verb\":" + json_quoted(question.verb) + ",\"group\":" + json_quoted(question.group) +
                    ",\"resource\":" + json_quoted(question.resource);
  if (!question.subresource.empty()) out += ",\"subresource\":" + json_quoted(question.subresource);
  if (!question.ns.empty()) out += ",\"namespace\":" + json_quoted(question.ns);
  if (!question.name.empty()) out += ",\"name\":" + json_quoted(question.name);
  return out + "}";
}

Result<AccessAnswer> read_access(const Result<std::string>& body) {
  if (!body) return tl::unexpected(body.error());
  AccessAnswer out;
  const auto read = each_status_field(*body, [&](std::string_view key, ondemand::value value) {
    if (key == "allowed") out.allowed = flag(value);
    if (key == "denied") out.denied = flag(value);
    if (key == "reason") out.reason = text(value);
    if (key == "evaluationError") out.evaluation_error = text(value);
  });
  if (!read) return tl::unexpected(read.error());
  if (out.denied) out.allowed = false;
  return out;
}

}  // namespace

Result<TokenReviewAnswer> review_token(KubeTransport& transport, const Secret& token,
                                       const std::vector<std::string>& audiences, Millis timeout,
                                       std::stop_token stop) {
  std::string spec = "{\"token\":" + json_quoted(token.reveal());
  if (!audiences.empty()) spec += ",\"audiences\":" + json_array(audiences);
  const auto body = post(transport, "/apis/authentication.k8s.io/v1/tokenreviews",
                         R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":)" + spec + "}}",
                         timeout, std::move(stop));
  if (!body) return tl::unexpected(body.error());
  TokenReviewAnswer out;
  const auto read = each_status_field(*body, [&](std::string_view key, ondemand::value value) {
    if (key == "authenticated") out.authenticated = flag(value);
    if (key == "user") read_user(value, out);
    if (key == "audiences") out.audiences = texts(value);
    if (key == "error") out.error = text(value);
  });
  if (!read) return tl::unexpected(read.error());
  return out;
}

Result<AccessAnswer> review_access(KubeTransport& transport, const AccessSubject& subject,
                                   const AccessQuestion& question, Millis timeout, std::stop_token stop) {
  std::string spec = "{\"user\":" + json_quoted(subject.user) + ",\"groups\":" + json_array(subject.groups);
  if (!subject.uid.empty()) spec += ",\"uid\":" + json_quoted(subject.uid);
  if (!subject.extra.empty()) spec += ",\"extra\":" + extra_json(subject.extra);
  spec += ",\"resourceAttributes\":" + attributes_json(question) + "}";
  return read_access(
      post(transport, "/apis/authorization.k8s.io/v1/subjectaccessreviews",
           R"({"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":)" + spec + "}", timeout,
           std::move(stop)));
}

Result<AccessAnswer> review_own_access(KubeTransport& transport, const AccessQuestion& question, Millis timeout,
                                       std::stop_token stop) {
  return read_access(post(transport, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                          R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":)" +
                              std::string("{\"resourceAttributes\":") + attributes_json(question) + "}}",
                          timeout, std::move(stop)));
}

}  // namespace sandgate::kube
