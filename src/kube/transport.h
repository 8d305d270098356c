// HTTP to one API server: the seam between what we know of Kubernetes and the network. Tests script it; the real one is
// curl_transport.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sandgate::kube {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string path;  ///< from `/` on, escaped, with its query (see api_path.h); put behind the server's own prefix
  Headers headers;   ///< further ones; Accept is application/json unless given here
  std::string body;  ///< sent when not empty, or when the method is not GET, HEAD or DELETE
  std::string content_type = "application/json";
  /// Of the whole exchange; for streams too, where it ends the stream (StreamEnd::kDeadline). Zero: none.
  Millis timeout{30'000};
  size_t response_bytes_max = size_t{16} * 1024 * 1024;  ///< request() only: more is an error
};

struct Response {
  int status = 0;
  Headers headers;  ///< names in lower case, in the order received
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
  /// The first of that name (lower case), or nothing.
  std::optional<std::string_view> header(std::string_view name) const;
};

/// Gets the bytes of a stream, on the thread that called stream().
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  /// The head has come, its status is 2xx.
  virtual void on_open() {}
  /// Bytes of a body with status 2xx, cut anywhere. False ends the stream (StreamEnd::kRefused).
  virtual bool on_bytes(std::string_view bytes) = 0;
  /// For how long the other side may stay silent from now on; asked at the start, when the head has come, and after
  /// each on_bytes(). Zero: for ever.
  virtual Millis idle_limit() = 0;
};

struct StreamEnd {
  enum class Why : uint8_t {
    kEnd,       ///< the body was complete
    kRefused,   ///< on_bytes() said so
    kDeadline,  ///< Request::timeout was over
    kIdle,      ///< nothing came within idle_limit()
    kLost,      ///< the connection broke within the body; `error` says how
    kStatus,    ///< the status is not 2xx; `response.body` has at most kErrorBodyBytesMax
  };
  Why why = Why::kEnd;
  Response response;  ///< head, and the body when kStatus
  std::string error;  ///< kLost and kIdle: for people
};

inline constexpr size_t kErrorBodyBytesMax = 64 * 1024;

/// Thread safe: every call runs in its caller's thread, any number at once. A call in progress ends within about 100 ms
/// of a request to stop, with the error kStopped.
class KubeTransport {
 public:
  virtual ~KubeTransport() = default;
  KubeTransport() = default;
  KubeTransport(const KubeTransport&) = delete;
  KubeTransport& operator=(const KubeTransport&) = delete;

  /// A whole exchange. An answer of any status is a Response; an error means that there was none (not connected, TLS,
  /// time over, too large) and says so for people. A 401 has been retried once with fresh credentials by then.
  virtual Result<Response> request(const Request& request, std::stop_token stop) = 0;

  /// A body that is read while it comes. An error means that no head came.
  virtual Result<StreamEnd> stream(const Request& request, StreamSink& sink, std::stop_token stop) = 0;
};

/// The message of the error of a call that was stopped.
inline constexpr std::string_view kStopped = "stopped";

/// The Status object of an API server's error answer (metav1.Status).
struct KubeStatus {
  int code = 0;         ///< of the body, else of the HTTP status
  std::string reason;   ///< NotFound, Expired, Forbidden, AlreadyExists, Conflict, …; empty when the body has none
  std::string message;  ///< for people; at most 1 KiB, control bytes replaced
  std::optional<Seconds> retry_after;  ///< details.retryAfterSeconds, else of the header
};

/// Never fails: a body that is no Status gives its beginning as the message.
KubeStatus parse_status(int http_status, std::string_view body);
KubeStatus parse_status(const Response& response);

/// `403 Forbidden: sandboxes.agents.x-k8s.io is forbidden: …`
std::string describe(const KubeStatus& status);

}  // namespace sandgate::kube
