#include "kube/curl_transport.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <utility>

#include "base/strings.h"
#include "crypto/crypto.h"
#include "kube/server_url.h"

namespace sandgate::kube {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr Millis kPollMax{60'000};  // a wake-up comes by curl_multi_wakeup(); this is only for want of a better number
constexpr size_t kHeaderBytesMax = 256 * 1024;
constexpr long kReceiveBytes = 128 * 1024;

struct EasyDelete {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDelete {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDelete {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDelete>;

/// Runs one exchange at a time; keeps its connection for the next.
struct Channel {
  std::unique_ptr<CURLM, MultiDelete> multi;  // outlives the easy handle: destroyed after it
  std::unique_ptr<CURL, EasyDelete> easy;
};

bool append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return false;
  static_cast<void>(list.release());
  list.reset(longer);
  return true;
}

bool has_control_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

bool same(const Credential& a, const Credential& b) {
  return crypto::equal_constant_time(a.bearer_token.reveal(), b.bearer_token.reveal()) &&
         a.basic_user == b.basic_user &&
         crypto::equal_constant_time(a.basic_password.reveal(), b.basic_password.reveal()) &&
         a.client_certificate_pem == b.client_certificate_pem &&
         crypto::equal_constant_time(a.client_key_pem.reveal(), b.client_key_pem.reveal());
}

/// What one exchange has received so far, and the callbacks that libcurl fills it by.
class Exchange {
 public:
  Exchange(StreamSink* sink, size_t bytes_max) : sink_(sink), bytes_max_(bytes_max) { touch(); }

  static size_t on_header(char* data, size_t size, size_t count, void* self) {
    return static_cast<Exchange*>(self)->header({data, size * count}) ? size * count : 0;
  }
  static size_t on_body(char* data, size_t size, size_t count, void* self) {
    return static_cast<Exchange*>(self)->body({data, size * count}) ? size * count : 0;
  }

  bool head_complete() const { return head_complete_; }
  bool refused() const { return refused_; }
  bool too_large() const { return too_large_; }
  bool error_body_cut() const { return error_body_cut_; }
  bool streaming() const { return sink_ != nullptr && response.ok(); }
  /// When the other side has been silent for too long; nothing: never.
  std::optional<SteadyTime> idle_at() const {
    if (idle_limit_ <= Millis(0)) return std::nullopt;
    return last_byte_ + idle_limit_;
  }
  Millis idle_limit() const { return idle_limit_; }

  Response response;

 private:
  void touch() {
    last_byte_ = std::chrono::steady_clock::now();
    if (sink_ != nullptr) idle_limit_ = sink_->idle_limit();
  }

  bool header(std::string_view line) {
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {  // also after an interim answer: begin afresh
      response = Response{};
      header_bytes_ = 0;
      const size_t blank = line.find(' ');
      const auto status = parse_decimal<int>(blank == std::string_view::npos ? "" : line.substr(blank + 1, 3));
      response.status = status.value_or(0);
      return status.has_value();
    }
    if (line.empty()) {
      if (response.status < 200) return true;
      head_complete_ = true;
      if (streaming()) sink_->on_open();
      touch();
      return true;
    }
    header_bytes_ += line.size();
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || header_bytes_ > kHeaderBytesMax) return header_bytes_ <= kHeaderBytesMax;
    if (head_complete_) return true;  // trailers: nobody here needs them
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), to_lower);
    response.headers.emplace_back(std::move(name), trim_blanks(line.substr(colon + 1)));
    return true;
  }

  bool body(std::string_view bytes) {
    if (streaming()) {
      refused_ = !sink_->on_bytes(bytes);
      touch();
      return !refused_;
    }
    const size_t most = sink_ != nullptr ? kErrorBodyBytesMax : bytes_max_;
    const size_t room = most - response.body.size();
    response.body += bytes.substr(0, room);
    touch();
    if (bytes.size() <= room) return true;
    (sink_ != nullptr ? error_body_cut_ : too_large_) = true;
    return false;
  }

  StreamSink* sink_;  ///< null: the whole body is kept
  size_t bytes_max_;
  size_t header_bytes_ = 0;
  bool head_complete_ = false;
  bool refused_ = false;
  bool too_large_ = false;
  bool error_body_cut_ = false;
  Millis idle_limit_{0};
  SteadyTime last_byte_;
};

enum class Finish { kDone, kStopped, kDeadline, kIdle };

struct Ran {
  Finish how = Finish::kDone;
  CURLcode code = CURLE_OK;
  std::string error;  ///< of code
};

class CurlTransport final : public KubeTransport {
 public:
  CurlTransport(ClusterAccess access, ServerUrl server, std::string proxy, CurlOptions options)
      : access_(std::move(access)),
        server_(std::move(server)),
        proxy_(std::move(proxy)),
        options_(std::move(options)) {}

  Result<Response> request(const Request& request, std::stop_token stop) override {
    Exchange exchange(nullptr, request.response_bytes_max);
    auto ran = attempt(request, exchange, stop);
    if (!ran) return tl::unexpected(ran.error());
    switch (ran->how) {
      case Finish::kStopped:
        return fail(std::string(kStopped));
      case Finish::kDeadline:
        return fail(where(request) + fmt::format("no whole answer within {} ms", request.timeout.count()));
      case Finish::kIdle:
      case Finish::kDone:
        break;
    }
    if (exchange.too_large()) {
      return fail(where(request) + fmt::format("the answer is longer than {} bytes", request.response_bytes_max));
    }
    if (ran->code != CURLE_OK) return fail(where(request) + ran->error);
    return std::move(exchange.response);
  }

  Result<StreamEnd> stream(const Request& request, StreamSink& sink, std::stop_token stop) override {
    Exchange exchange(&sink, 0);
    auto ran = attempt(request, exchange, stop);
    if (!ran) return tl::unexpected(ran.error());
    if (ran->how == Finish::kStopped) return fail(std::string(kStopped));
    StreamEnd end;
    const auto idle_error = [&] { return fmt::format("nothing came for {} ms", exchange.idle_limit().count()); };
    if (!exchange.head_complete()) {
      if (ran->how == Finish::kIdle) return fail(where(request) + idle_error());
      if (ran->how == Finish::kDeadline) {
        return fail(where(request) + fmt::format("no answer within {} ms", request.timeout.count()));
      }
      return fail(where(request) + (ran->error.empty() ? "no answer" : ran->error));
    }
    end.response = std::move(exchange.response);
    if (!end.response.ok()) {
      end.why = StreamEnd::Why::kStatus;
    } else if (exchange.refused()) {
      end.why = StreamEnd::Why::kRefused;
    } else if (ran->how == Finish::kDeadline) {
      end.why = StreamEnd::Why::kDeadline;
    } else if (ran->how == Finish::kIdle) {
      end.why = StreamEnd::Why::kIdle;
      end.error = where(request) + idle_error();
    } else if (ran->code != CURLE_OK) {
      end.why = StreamEnd::Why::kLost;
      end.error = where(request) + ran->error;
    }
    return end;
  }

 private:
  /// For messages: the server and the path without its query.
  std::string where(const Request& request) const {
    return fmt::format("{} {}{}: ", request.method, server_.text(), request.path.substr(0, request.path.find('?')));
  }

  /// The exchange, and once more with other credentials after a 401.
  Result<Ran> attempt(const Request& request, Exchange& exchange, const std::stop_token& stop) {
    auto credential = access_.credentials->get(stop);
    if (!credential) return tl::unexpected(credential.error());
    const Exchange untouched = exchange;
    auto ran = run(request, *credential, exchange, stop);
    if (!ran || ran->how != Finish::kDone || exchange.response.status != 401) return ran;
    access_.credentials->invalidate();
    auto fresh = access_.credentials->get(stop);
    if (!fresh) return tl::unexpected(fresh.error());
    if (same(*credential, *fresh)) return ran;
    exchange = untouched;
    return run(request, *fresh, exchange, stop);
  }

  Result<Ran> run(const Request& request, const Credential& credential, Exchange& exchange,
                  const std::stop_token& stop) {
    auto channel = take_channel();
    if (!channel) return fail("libcurl gives no handle: out of memory");
    HeaderList headers;
    HeaderList connect_to;
    char error_text[CURL_ERROR_SIZE] = "";
    const Result<void> set_up = prepare(*channel, request, credential, exchange, headers, connect_to, error_text);
    if (!set_up) return tl::unexpected(set_up.error());
    Ran ran;
    {
      CURLM* const multi = channel->multi.get();
      const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
      ran = drive(*channel, request, exchange, stop);
      curl_multi_remove_handle(multi, channel->easy.get());
    }
    if (ran.code != CURLE_OK) ran.error = error_text[0] != '\0' ? error_text : curl_easy_strerror(ran.code);
    // What the callbacks ended on purpose is no failure of the network.
    if (exchange.error_body_cut()) ran.code = CURLE_OK;
    curl_easy_reset(channel->easy.get());
    give_back(std::move(*channel));
    return ran;
  }

  Ran drive(Channel& channel, const Request& request, const Exchange& exchange, const std::stop_token& stop) {
    Ran ran;
    const auto now = [] { return std::chrono::steady_clock::now(); };
    const SteadyTime begun = now();
    CURLM* const multi = channel.multi.get();
    if (const CURLMcode added = curl_multi_add_handle(multi, channel.easy.get()); added != CURLM_OK) {
      ran.code = CURLE_FAILED_INIT;
      return ran;
    }
    for (;;) {
      if (stop.stop_requested()) {
        ran.how = Finish::kStopped;
        return ran;
      }
      int running = 0;
      if (curl_multi_perform(multi, &running) != CURLM_OK) {
        ran.code = CURLE_FAILED_INIT;
        return ran;
      }
      int left = 0;
      for (const CURLMsg* message = nullptr; (message = curl_multi_info_read(multi, &left)) != nullptr;) {
        if (message->msg == CURLMSG_DONE) {
          ran.code = message->data.result;
          return ran;
        }
      }
      const SteadyTime at = now();
      SteadyTime until = at + kPollMax;
      if (request.timeout > Millis(0)) {
        const SteadyTime deadline = begun + request.timeout;
        if (at >= deadline) {
          ran.how = Finish::kDeadline;
          return ran;
        }
        until = std::min(until, deadline);
      }
      if (const auto idle = exchange.idle_at()) {
        if (at >= *idle) {
          ran.how = Finish::kIdle;
          return ran;
        }
        until = std::min(until, *idle);
      }
      const auto wait = std::chrono::ceil<Millis>(until - at);
      if (curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr) != CURLM_OK) {
        ran.code = CURLE_FAILED_INIT;
        return ran;
      }
    }
  }

  /// Sets options one after the other and remembers whether one was refused.
  class Setter {
   public:
    explicit Setter(CURL* easy) : easy_(easy) {}
    template <class Value>
    void operator()(CURLoption option, Value value) {
      const CURLcode code = curl_easy_setopt(easy_, option, value);
      if (code != CURLE_OK && failed_ == CURLE_OK) failed_ = code;
    }
    void blob(CURLoption option, std::string_view bytes) {
      curl_blob blob{};
      blob.data = const_cast<char*>(bytes.data());  // copied, not written to
      blob.len = bytes.size();
      blob.flags = CURL_BLOB_COPY;
      (*this)(option, &blob);
    }
    CURLcode failed() const { return failed_; }

   private:
    CURL* easy_;
    CURLcode failed_ = CURLE_OK;
  };

  Result<void> prepare(Channel& channel, const Request& request, const Credential& credential, Exchange& exchange,
                       HeaderList& headers, HeaderList& connect_to, char* error_text) const {
    CURL* const easy = channel.easy.get();
    if (!request.path.starts_with('/') || has_control_bytes(request.path)) {
      return fail("the path of a request to the API server must begin with / and hold no control characters");
    }
    Setter set(easy);
    set(CURLOPT_ERRORBUFFER, error_text);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name server
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_USERAGENT, options_.user_agent.c_str());
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_TCP_KEEPIDLE, static_cast<long>(options_.keepalive_idle.count()));
    set(CURLOPT_TCP_KEEPINTVL, static_cast<long>(options_.keepalive_idle.count()));
    set(CURLOPT_BUFFERSIZE, kReceiveBytes);
    set(CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(CURLOPT_HEADERDATA, &exchange);
    set(CURLOPT_WRITEFUNCTION, &Exchange::on_body);
    set(CURLOPT_WRITEDATA, &exchange);
    set_address(set, request, connect_to);
    set_tls(set, credential);
    set_method(set, request);
    const Result<void> filled = fill_headers(request, credential, headers);
    if (!filled) return filled;
    set(CURLOPT_HTTPHEADER, headers.get());
    if (set.failed() != CURLE_OK) return fail(fmt::format("libcurl: {}", curl_easy_strerror(set.failed())));
    return {};
  }

  void set_address(Setter& set, const Request& request, HeaderList& connect_to) const {
    ServerUrl url = server_;
    if (!access_.tls_server_name.empty() && url.tls) {
      // Name and certificate by the other name, the connection to the real one.
      ServerUrl target = server_;
      target.tls = false;  // so that authority() names port 443
      const bool bracket = target.host.find(':') != std::string::npos;
      append(connect_to, fmt::format("::{}{}{}:{}", bracket ? "[" : "", target.host, bracket ? "]" : "", target.port));
      url.host = access_.tls_server_name;
      set(CURLOPT_CONNECT_TO, connect_to.get());
    }
    set(CURLOPT_URL, (url.text() + request.path).c_str());
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (!proxy_.empty()) {
      set(CURLOPT_PROXY, proxy_.c_str());
      set(CURLOPT_NOPROXY, "");  // named for this cluster: NO_PROXY of the environment does not count
    } else if (server_.loopback()) {
      set(CURLOPT_NOPROXY, "*");
    }
  }

  void set_tls(Setter& set, const Credential& credential) const {
    if (!server_.tls) return;
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (access_.insecure_skip_tls_verify) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!access_.ca_pem.empty()) {
      const char* const none = nullptr;  // only these, not those of the system beside them
      set(CURLOPT_CAPATH, none);
      set(CURLOPT_CAINFO, none);
      set.blob(CURLOPT_CAINFO_BLOB, access_.ca_pem);
    }
    if (!credential.client_certificate_pem.empty()) {
      set(CURLOPT_SSLCERTTYPE, "PEM");
      set(CURLOPT_SSLKEYTYPE, "PEM");
      set.blob(CURLOPT_SSLCERT_BLOB, credential.client_certificate_pem);
      set.blob(CURLOPT_SSLKEY_BLOB, credential.client_key_pem.reveal());
    }
  }

  static void set_method(Setter& set, const Request& request) {
    const bool bodyless = request.method == "GET" || request.method == "HEAD" || request.method == "DELETE";
    if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (!bodyless || !request.body.empty()) {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDS, request.body.c_str());  // not copied: the request outlives the exchange
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  Result<void> fill_headers(const Request& request, const Credential& credential, HeaderList& headers) const {
    bool fits = true;
    const auto add = [&](std::string_view name, std::string_view value) {
      // `Name;` is how libcurl sends a field without a value.
      fits = fits && append(headers, value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value));
    };
    bool accept = false;
    for (const Headers* some : {&request.headers, &access_.headers}) {
      for (const auto& [name, value] : *some) {
        if (has_control_bytes(name) || has_control_bytes(value)) {
          return fail(fmt::format("a header of a request to the API server has control characters"));
        }
        accept = accept || iequals(name, "Accept");
        add(name, value);
      }
    }
    if (!accept) add("Accept", "application/json");
    if (!access_.tls_server_name.empty()) add("Host", server_.authority());
    if (!request.body.empty()) add("Content-Type", request.content_type);
    fits = fits && append(headers, "Expect:");  // no waiting for a 100
    if (server_.tls || server_.loopback()) {
      if (!credential.bearer_token.empty()) {
        if (has_control_bytes(credential.bearer_token.reveal())) return fail("the bearer token has control characters");
        add("Authorization", "Bearer " + std::string(credential.bearer_token.reveal()));
      } else if (!credential.basic_user.empty()) {
        const std::string pair = credential.basic_user + ":" + std::string(credential.basic_password.reveal());
        add("Authorization",
            "Basic " + crypto::base64_encode({reinterpret_cast<const uint8_t*>(pair.data()), pair.size()}));
      }
    }
    if (!fits) return fail("out of memory");
    return {};
  }

  std::optional<Channel> take_channel() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Channel channel = std::move(idle_.back());
        idle_.pop_back();
        return channel;
      }
    }
    Channel channel;
    channel.multi.reset(curl_multi_init());
    channel.easy.reset(curl_easy_init());
    if (!channel.multi || !channel.easy) return std::nullopt;
    curl_multi_setopt(channel.multi.get(), CURLMOPT_MAXCONNECTS, 1L);
    return channel;
  }

  void give_back(Channel channel) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < options_.idle_connections_max) idle_.push_back(std::move(channel));
  }

  const ClusterAccess access_;
  const ServerUrl server_;
  const std::string proxy_;
  const CurlOptions options_;
  std::mutex mutex_;
  std::vector<Channel> idle_;  ///< the last one used is the first to be taken
};

Result<std::string> proxy_for_curl(const std::string& url) {
  if (url.empty()) return url;
  for (const std::string_view scheme : {"http://", "https://", "socks5h://"}) {
    if (iequals(std::string_view(url).substr(0, scheme.size()), scheme)) return url;
  }
  constexpr std::string_view kSocks = "socks5://";  // Go, and so kubectl, lets the proxy resolve the name
  if (iequals(std::string_view(url).substr(0, kSocks.size()), kSocks)) return "socks5h://" + url.substr(kSocks.size());
  return fail("the proxy-url of the cluster must begin with http://, https:// or socks5://");
}

}  // namespace

Result<std::unique_ptr<KubeTransport>> make_curl_transport(ClusterAccess access, CurlOptions options) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) return fail(fmt::format("libcurl does not start: {}", curl_easy_strerror(started)));
  auto server = parse_server_url(access.server);
  if (!server) return tl::unexpected(server.error());
  auto proxy = proxy_for_curl(access.proxy_url);
  if (!proxy) return tl::unexpected(proxy.error());
  if (!access.credentials) access.credentials = static_credentials({});
  return std::make_unique<CurlTransport>(std::move(access), std::move(*server), std::move(*proxy), std::move(options));
}

}  // namespace sandgate::kube
