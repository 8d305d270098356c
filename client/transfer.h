// One HTTP/1.1 request and its answer on the engine's loop. Bodies stream both ways in bounded memory: what is not
// taken is not read from the socket. URLs go out byte for byte; redirects are never followed; nothing is sent twice
// except by curl itself when a kept connection turned out dead before any byte of the answer, and then never a body
// (see seek_body).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/engine.h"

namespace sandgate::client {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The value of the first header of this name, in any case; nothing when there is none.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);
/// Replaces headers of this name, in any case.
void set_header(Headers& headers, std::string_view name, std::string value);

/// How a server proves itself and we ourselves. Files and PEM text may be mixed; empty is "not given".
struct TlsOptions {
  std::string ca_file, ca_pem;
  std::string certificate_file, certificate_pem;
  std::string key_file, key_pem;
  std::string server_name;  ///< expected in the certificate instead of the URL's host
  bool insecure = false;
};

inline constexpr std::chrono::milliseconds kConnectTimeout{10'000};
inline constexpr size_t kStreamWindowBytes =
    1024 * 1024;  ///< most that waits in memory per direction of a streamed body

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  Headers headers;
  /// The body in pieces, which stay where they are until the transfer has ended.
  std::vector<std::string_view> body;
  bool has_body = false;                         ///< also for an empty one
  bool streamed_body = false;                    ///< comes through send(); chunked
  bool streamed_answer = false;                  ///< goes out through take() while it comes in
  uint64_t answer_bytes_max = 16 * 1024 * 1024;  ///< of an answer that is not streamed
  std::shared_ptr<const TlsOptions> tls;
  std::string proxy;          ///< empty: as the environment says
  bool never_proxy = false;   ///< loopback and pods
  bool connect_only = false;  ///< nothing is sent; the transfer ends when the connection stands (RawConnection)
};

/// Why there is no complete answer.
enum class Broken : uint8_t {
  kNo,
  kUnreachable,  ///< no connection: name, address, TLS; nothing of the request has left
  kCut,          ///< the connection ended early
  kTooLarge,     ///< the answer exceeds answer_bytes_max
  kBadUrl,
  kNotTrusted,  ///< the certificates do not fit: theirs to our CA, or ours cannot be read; nothing has left
};

/// Loop thread only. Destroying a transfer that runs closes its connection.
class Transfer {
 public:
  Transfer(Engine& engine, const HttpRequest& request);
  virtual ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void start();
  /// Raised when the head has come, bytes wait or have been sent, and at the end.
  Signal& changed() { return changed_; }

  bool has_head() const { return has_head_; }
  bool ended() const { return ended_; }
  Broken broken() const { return broken_; }
  /// curl's own words about what broke.
  std::string what_broke() const;
  int status() const { return status_; }
  const Headers& headers() const { return headers_; }
  /// Some byte of the request may have reached the other side.
  bool sent() const;

  /// What has come of the body; reading goes on.
  std::string take();
  /// The same for long bodies: `bytes` is what was taken before, whose memory is filled next.
  void take_next(std::string& bytes);
  size_t waiting_bytes() const { return in_.size(); }

  /// May more be handed over? (There is room for at least one piece.)
  bool wants_body() const { return out_bytes_ < kStreamWindowBytes && !ended_; }
  void send(std::string piece);
  /// Memory for the next piece: one that has been sent, or nothing yet. Its size and bytes are of no meaning.
  std::string spare();
  void end_body();

  void* easy() const { return easy_; }
  void finished(int code);

 private:
  static size_t on_header(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);
  static size_t read_body(char* to, size_t size, size_t count, void* self);
  static int seek_body(void* self, int64_t offset, int origin);
  void header_line(std::string_view line);
  size_t next_bytes(char* to, size_t room);
  void apply(const HttpRequest& request);
  void apply_tls(const TlsOptions& tls, const std::string& url);
  void unpause();

  Engine& engine_;
  void* easy_ = nullptr;
  void* header_list_ = nullptr;
  void* connect_to_ = nullptr;
  char error_text_[256] = {};
  Signal changed_;

  std::vector<std::string_view> body_;
  size_t body_index_ = 0, body_offset_ = 0;
  bool body_taken_ = false;
  std::deque<std::string> out_;     ///< pieces of a streamed body, oldest first
  std::vector<std::string> spare_;  ///< pieces that have been sent
  size_t out_bytes_ = 0, out_offset_ = 0;
  bool streamed_body_ = false, body_ended_ = false;
  bool paused_out_ = false, paused_in_ = false;

  bool streamed_answer_ = false;
  uint64_t answer_bytes_max_ = 0;
  std::string in_;
  Headers headers_;
  int status_ = 0;
  bool connect_only_ = false;
  bool has_head_ = false, running_ = false, ended_ = false, too_large_ = false;
  Broken broken_ = Broken::kNo;
};

}  // namespace sandgate::client
