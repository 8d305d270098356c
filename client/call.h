// One call to a sandbox: finds the way, sends the request, tries again where the table allows, within one total
// deadline.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/connector.h"
#include "client/retry.h"

namespace sandgate::client {

struct Call {
  std::string operation;  ///< "run", "write", …: for messages, spans and metrics
  std::string method = "GET";
  std::string path;  ///< without a slash in front, encoded, with its query
  Headers headers = {};
  std::vector<std::string_view> body = {};  ///< stays where it is until the call has ended
  bool has_body = false;
  uint64_t answer_bytes_max = 8 * 1024 * 1024;
  /// What goes out as X-Sandbox-Timeout on the first try; later tries say what is left.
  std::optional<Millis> timeout_told = {};
  bool not_found_is_answer = false;  ///< a 404 is for the caller to judge
};

/// The total time of a call, its policy and its place in the trace.
struct CallContext {
  SandboxState& sandbox;
  Scope& scope;
  SpanScope& span;
  RetryPolicy policy = {};
};

/// The whole answer, of a status below 400; everything else is an Error.
Task<Result<Reply>> call(CallContext& context, const Call& what);

/// For a streamed answer: returns when its head has come with a status below 400, the body is read from the transfer.
struct Opened {
  std::unique_ptr<Transfer> transfer;
  std::string request_id;
};
Task<Result<Opened>> open_download(CallContext& context, const Call& what);

/// For a streamed body: one try; `feed` is run while the request is sent and ends the body.
using Feed = std::function<Task<Result<void>>(Scope&, Transfer&)>;
Task<Result<Reply>> upload(CallContext& context, const Call& what, Feed feed);

/// An error answer in words: "the sandbox answered 404 to read: File not found".
Error error_of_reply(const Call& what, const std::string& url, int status, const Headers& headers, std::string body,
                     std::string request_id);

RetryPolicy policy_of(const std::optional<RetryPolicy>& wanted);

}  // namespace sandgate::client
