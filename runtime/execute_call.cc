#include "runtime/execute_call.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "runtime/python_bodies.h"
#include "runtime/utf8.h"
#include "runtime/words.h"

namespace sandgate::runtime {
namespace {

Answer body_too_large(const WorkLimits& limits) {
  return json_answer(
      413, python::detail_body("The request body is larger than " + std::to_string(limits.execute_body_bytes_max) +
                               " bytes (--execute-body-bytes-max)"));
}

/// What the request asks for, cut to what the operator allows; never 0.
Millis timeout_of(const python::ExecuteRequest& request, const WorkLimits& limits) {
  if (!request.timeout_seconds) return limits.exec_timeout;
  const double most = static_cast<double>(limits.exec_timeout.count());
  const double wanted_ms = std::min(std::ceil(*request.timeout_seconds * 1000), most);
  return std::max(Millis(static_cast<int64_t>(wanted_ms)), Millis(1));
}

/// Says which output is no text and where; empty when both are.
std::string not_text(const CommandResult& result) {
  const auto check = [](std::string_view name, std::string_view text) -> std::string {
    const auto at = first_invalid_utf8(text);
    if (!at) return {};
    std::array<char, 8> byte;
    std::snprintf(byte.data(), byte.size(), "0x%02x", static_cast<unsigned>(static_cast<unsigned char>(text[*at])));
    return std::string(name) + " is not UTF-8: byte " + byte.data() + " at position " + std::to_string(*at);
  };
  const std::string out = check("stdout", result.out);
  return out.empty() ? check("stderr", result.err) : out;
}

}  // namespace

std::unique_ptr<Call> ExecuteCall::begin(const Request& request, CommandRunner& runner, const WorkLimits& limits,
                                         Responder& responder) {
  if (request.body_size && *request.body_size > limits.execute_body_bytes_max) {
    responder.respond(body_too_large(limits));
    return nullptr;
  }
  return std::unique_ptr<Call>(new ExecuteCall(runner, limits, responder, python::is_json_type(request.content_type)));
}

ExecuteCall::~ExecuteCall() { runner_.forget(*this); }

void ExecuteCall::on_body(std::string_view bytes) {
  if (bytes.size() > limits_.execute_body_bytes_max - body_.size()) return responder_.respond(body_too_large(limits_));
  body_.append(bytes);
}

void ExecuteCall::on_body_end() {
  auto request = python::read_execute_request(body_, json_type_);
  body_ = {};
  if (!request) return responder_.respond(json_answer(422, std::move(request.error())));
  const auto words = split_words(request->command);
  if (!words) return fail_run(words.error().message);
  program_ = words->front();
  timeout_ = timeout_of(*request, limits_);
  const auto started = runner_.start(*words, {timeout_, limits_.output_bytes_max}, *this);
  if (!started) fail_run(started.error().message);
}

void ExecuteCall::on_command_done(CommandResult result) {
  switch (result.end) {
    case CommandResult::End::kExited:
      break;
    case CommandResult::End::kTimedOut: {
      std::array<char, 32> seconds;
      std::snprintf(seconds.data(), seconds.size(), "%g", static_cast<double>(timeout_.count()) / 1000);
      return fail_run("Command '" + program_ + "' timed out after " + seconds.data() + " seconds", true);
    }
    case CommandResult::End::kOutputTooLarge:
      return fail_run("Command '" + program_ + "' was stopped: it wrote more than " +
                      std::to_string(limits_.output_bytes_max) + " bytes to stdout and stderr (--output-bytes-max)");
  }
  if (const std::string problem = not_text(result); !problem.empty()) return fail_run(problem);
  responder_.respond(json_answer(200, python::execution_body({result.out, result.err, result.exit_code, false})));
}

void ExecuteCall::fail_run(std::string_view why, bool timed_out) {
  const std::string text = "Failed to execute command: " + std::string(why);
  responder_.respond(json_answer(200, python::execution_body({"", text, 1, timed_out})));
}

}  // namespace sandgate::runtime
