// Credential plugins: https://kubernetes.io/docs/reference/access-authn-authz/authentication/, "client-go credential
// plugins".
#include <fmt/format.h>
#include <simdjson.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "kube/child_process.h"
#include "kube/credentials.h"
#include "kube/files.h"
#include "kube/json_text.h"
#include "kube/timestamp.h"
#include "kube/transport.h"

namespace sandgate::kube {
namespace {

namespace ondemand = simdjson::ondemand;

struct PluginAnswer {
  Credential credential;
  std::optional<WallTime> expires;
};

/// A text field; empty when absent.
std::string text_of(ondemand::object& object, std::string_view key) {
  std::string_view text;
  return object.find_field_unordered(key).get_string().get(text) == simdjson::SUCCESS ? std::string(text)
                                                                                      : std::string{};
}

/// The error never shows what the plugin printed: it may be a token.
Result<PluginAnswer> parse_answer(const std::string& printed, const std::string& api_version) {
  const simdjson::padded_string padded(printed);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object object, status;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return fail("printed no JSON object");
  }
  const std::string kind = text_of(object, "kind");
  if (kind != "ExecCredential") return fail("printed no ExecCredential");
  const std::string version = text_of(object, "apiVersion");
  if (version != api_version) {
    return fail(fmt::format("printed an ExecCredential of another version than {}", api_version));
  }
  if (object.find_field_unordered("status").get_object().get(status) != simdjson::SUCCESS) {
    return fail("printed an ExecCredential without status");
  }
  PluginAnswer out;
  out.credential.bearer_token = Secret(text_of(status, "token"));
  out.credential.client_certificate_pem = text_of(status, "clientCertificateData");
  out.credential.client_key_pem = Secret(text_of(status, "clientKeyData"));
  if (out.credential.client_certificate_pem.empty() != out.credential.client_key_pem.empty()) {
    return fail("printed only one of clientCertificateData and clientKeyData");
  }
  if (out.credential.bearer_token.empty() && out.credential.client_certificate_pem.empty()) {
    return fail("printed an ExecCredential with neither a token nor a client certificate");
  }
  const std::string expiry = text_of(status, "expirationTimestamp");
  if (!expiry.empty()) {
    out.expires = parse_timestamp(expiry);
    if (!out.expires) return fail("printed an expirationTimestamp that is no RFC 3339 time");
  }
  return out;
}

class ExecSource final : public CredentialSource {
 public:
  ExecSource(ExecPlugin plugin, std::unique_ptr<Clock> clock) : plugin_(std::move(plugin)), clock_(std::move(clock)) {}

  Result<Credential> get(std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    // One run serves all who wait.
    if (!finished_.wait(lock, stop, [this] { return !running_; })) return fail(std::string(kStopped));
    clock_->refresh();
    if (answer_ && (!answer_->expires || clock_->wall() < *answer_->expires - kExecEarly)) return answer_->credential;
    running_ = true;
    lock.unlock();
    auto fresh = ask(stop);
    lock.lock();
    running_ = false;
    finished_.notify_all();
    clock_->refresh();
    if (fresh) {
      answer_ = std::move(*fresh);
    } else if (!answer_ || !answer_->expires || clock_->wall() >= *answer_->expires) {
      return tl::unexpected(fresh.error());
    }
    return answer_->credential;
  }

  void invalidate() override {
    const std::lock_guard lock(mutex_);
    answer_.reset();
  }

 private:
  Result<PluginAnswer> ask(const std::stop_token& stop) const {
    Command command;
    command.program = plugin_.command;
    command.arguments = plugin_.arguments;
    command.env = plugin_.env;
    command.time_limit = plugin_.time_limit;
    command.output_bytes_max = plugin_.output_bytes_max;
    const std::string cluster = plugin_.cluster_info_json.empty() ? "" : ",\"cluster\":" + plugin_.cluster_info_json;
    command.env.emplace_back(
        "KUBERNETES_EXEC_INFO",
        fmt::format(R"({{"apiVersion":{},"kind":"ExecCredential","spec":{{"interactive":false{}}}}})",
                    json_quoted(plugin_.api_version), cluster));
    const auto wrong = [&](std::string what) {
      return fail(fmt::format("credential plugin {}: {}", plugin_.command, what));
    };
    bool not_found = false;
    auto ran = run_command(command, stop, not_found);
    if (stop.stop_requested()) return fail(std::string(kStopped));
    if (!ran) {
      const bool help = not_found && !plugin_.install_hint.empty();
      return wrong(ran.error().message + (help ? "\n" + plugin_.install_hint : ""));
    }
    if (ran->exit_status != 0) {
      const std::string errors = trimmed(ran->errors_tail);
      return wrong(fmt::format("ended with status {}{}{}", ran->exit_status, errors.empty() ? "" : ": ", errors));
    }
    auto answer = parse_answer(ran->output, plugin_.api_version);
    if (!answer) return wrong(answer.error().message);
    return answer;
  }

  const ExecPlugin plugin_;
  std::mutex mutex_;
  std::condition_variable_any finished_;
  bool running_ = false;
  const std::unique_ptr<Clock> clock_;
  std::optional<PluginAnswer> answer_;
};

}  // namespace

std::shared_ptr<CredentialSource> exec_credentials(ExecPlugin plugin, std::unique_ptr<Clock> clock) {
  return std::make_shared<ExecSource>(std::move(plugin), std::move(clock));
}

}  // namespace sandgate::kube
