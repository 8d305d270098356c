// For tests of the modes: heads from text, without a codec. The text must be well-formed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "front/front_end.h"
#include "http/field_id.h"

namespace sandgate::front {

inline void add_test_fields(http::MessageHead& head, std::string_view bytes, size_t at) {
  while (at < bytes.size()) {
    const size_t end = bytes.find('\n', at);
    const std::string_view line = bytes.substr(at, end - at);
    const size_t colon = line.find(':');
    const std::string_view value = trim_blanks(line.substr(colon + 1));
    head.add({static_cast<uint32_t>(at), static_cast<uint32_t>(value.data() - bytes.data()),
              static_cast<uint32_t>(value.size()), static_cast<uint16_t>(colon),
              http::field_id(line.substr(0, colon))});
    at = end + 1;
  }
}

/// A request head from `GET /path HTTP/1.1\nName: value\n`, lines ended by LF.
class TestRequest {
 public:
  explicit TestRequest(std::string text, const sandbox::RoutingTable* table = nullptr)
      : bytes_(std::move(text)), table_(table) {
    if (!bytes_.ends_with('\n')) bytes_.push_back('\n');
    const size_t method = bytes_.find(' ');
    const size_t version = bytes_.find('\n');
    const size_t target = bytes_.rfind(' ', version);
    head_.clear(bytes_.data());
    head_.set_line(0, static_cast<uint32_t>(method), static_cast<uint32_t>(method + 1),
                   static_cast<uint32_t>(target - method - 1));
    head_.minor_version = static_cast<uint8_t>(bytes_[version - 1] - '0');
    add_test_fields(head_, bytes_, version + 1);
    framing_ = *http::request_framing(head_);
  }
  TestRequest(const TestRequest&) = delete;

  Inquiry inquiry() const { return {head_, framing_, peer, table_, body_too_large, now, wall}; }

  Endpoint peer = *Endpoint::parse("192.0.2.1:4711");
  bool body_too_large = false;
  MonoTime now{Seconds(1000)};
  WallTime wall{Seconds(1'700'000'000)};

 private:
  std::string bytes_;
  const sandbox::RoutingTable* table_;
  http::RequestHead head_;
  http::Framing framing_;
};

/// A response head from `302\nName: value\n`.
class TestResponse {
 public:
  explicit TestResponse(std::string text) : bytes_(std::move(text)) {
    if (!bytes_.ends_with('\n')) bytes_.push_back('\n');
    const size_t end = bytes_.find('\n');
    head_.clear(bytes_.data());
    head_.status = *parse_decimal<uint16_t>(std::string_view(bytes_).substr(0, end));
    add_test_fields(head_, bytes_, end + 1);
  }
  TestResponse(const TestResponse&) = delete;
  const http::ResponseHead& head() const { return head_; }

 private:
  std::string bytes_;
  http::ResponseHead head_;
};

/// The values of all fields of this name, joined by " | "; "-" when there is none.
inline std::string values_of(const std::vector<http::OutField>& fields, std::string_view name) {
  std::string joined;
  bool found = false;
  for (const http::OutField& field : fields) {
    if (!iequals(field.name, name)) continue;
    if (found) joined.append(" | ");
    joined.append(field.value);
    found = true;
  }
  return found ? joined : "-";
}

inline std::string field_of(const Answer& answer, std::string_view name) {
  const auto found = std::find_if(answer.fields.begin(), answer.fields.end(),
                                  [&](const auto& field) { return iequals(field.first, name); });
  return found == answer.fields.end() ? "-" : found->second;
}

/// What the client gets when plan() does not forward: the plan's own answer, or the failure as it is rendered.
inline Answer answer_of(const FrontEnd& front, const TestRequest& request, Plan& plan) {
  plan.clear();
  front.plan(request.inquiry(), plan);
  if (plan.verdict == Verdict::kAnswer) return plan.answer;
  Answer answer;
  if (plan.verdict == Verdict::kForward) {
    ADD_FAILURE() << "the request was forwarded";
  } else {
    front.render(plan.failure, plan, false, answer);
  }
  return answer;
}

inline Answer answer_of(const FrontEnd& front, const TestRequest& request) {
  Plan plan;
  return answer_of(front, request, plan);
}

}  // namespace sandgate::front
