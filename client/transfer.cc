#include "client/transfer.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/strings.h"

namespace sandgate::client {
namespace {

constexpr long kReceiveBytes = 512 * 1024;
constexpr long kSendBytes = 512 * 1024;
constexpr size_t kHeadBytesMax = 256 * 1024;

CURL* curl_of(void* handle) { return static_cast<CURL*>(handle); }

curl_slist* append(curl_slist* list, const std::string& text) {
  curl_slist* longer = curl_slist_append(list, text.c_str());
  SG_ASSERT(longer != nullptr);
  return longer;
}

struct UrlParts {
  std::string before, host, port, after;  // "https://", "10.0.0.1", "6443", "/api"
};

UrlParts split_url(const std::string& url) {
  UrlParts parts;
  const size_t scheme = url.find("://");
  const size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t end = std::min(url.find_first_of("/?", begin), url.size());
  parts.before = url.substr(0, begin);
  parts.after = url.substr(end);
  const std::string authority = url.substr(begin, end - begin);
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  parts.host = authority.substr(0, has_port ? colon : std::string::npos);
  parts.port = has_port ? authority.substr(colon + 1) : (parts.before == "https://" ? "443" : "80");
  return parts;
}

Broken kind_of(CURLcode code, bool sent) {
  switch (code) {
    case CURLE_OK:
      return Broken::kNo;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Broken::kBadUrl;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return Broken::kNotTrusted;
    default:
      return sent ? Broken::kCut : Broken::kUnreachable;
  }
}

}  // namespace

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (iequals(key, name)) return value;
  }
  return std::nullopt;
}

void set_header(Headers& headers, std::string_view name, std::string value) {
  std::erase_if(headers, [name](const auto& header) { return iequals(header.first, name); });
  headers.emplace_back(name, std::move(value));
}

Transfer::Transfer(Engine& engine, const HttpRequest& request) : engine_(engine), easy_(curl_easy_init()) {
  SG_ASSERT(easy_ != nullptr);
  apply(request);
}

Transfer::~Transfer() {
  if (running_) engine_.remove(*this);
  curl_easy_cleanup(curl_of(easy_));
  curl_slist_free_all(static_cast<curl_slist*>(header_list_));
  curl_slist_free_all(static_cast<curl_slist*>(connect_to_));
}

void Transfer::apply(const HttpRequest& request) {
  CURL* easy = curl_of(easy_);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a cancelled look-up of a name is not waited for
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout.count()));
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBytes);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  if (request.never_proxy) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  } else if (!request.proxy.empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXY, request.proxy.c_str());
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  }

  connect_only_ = request.connect_only;
  if (connect_only_) {
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  }
  streamed_answer_ = request.streamed_answer;
  answer_bytes_max_ = request.answer_bytes_max;
  Headers headers = request.headers;
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  if (request.tls) apply_tls(*request.tls, request.url);
  if (request.tls && !request.tls->server_name.empty() && !find_header(headers, "Host")) {
    const UrlParts parts = split_url(request.url);
    headers.emplace_back("Host", parts.host + ":" + parts.port);
  }

  curl_slist* list = nullptr;
  for (const auto& [name, value] : headers) list = append(list, value.empty() ? name + ";" : name + ": " + value);
  list = append(list, "Expect:");  // never waits for 100 Continue
  if (request.has_body) {
    body_ = request.body;
    streamed_body_ = request.streamed_body;
    uint64_t size = 0;
    for (const std::string_view piece : body_) size += piece.size();
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &Transfer::read_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, this);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &Transfer::seek_body);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kSendBytes);
    if (streamed_body_) {
      list = append(list, "Transfer-Encoding: chunked");
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(-1));
    } else {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(size));
    }
    if (!find_header(headers, "Content-Type")) list = append(list, "Content-Type:");
  } else if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
  header_list_ = list;
}

void Transfer::apply_tls(const TlsOptions& tls, const std::string& url) {
  CURL* easy = curl_of(easy_);
  const auto blob = [easy](CURLoption option, const std::string& text) {
    curl_blob value{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
    curl_easy_setopt(easy, option, &value);
  };
  if (!tls.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.ca_pem.empty()) blob(CURLOPT_CAINFO_BLOB, tls.ca_pem);
  if (!tls.certificate_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.certificate_file.c_str());
  if (!tls.certificate_pem.empty()) blob(CURLOPT_SSLCERT_BLOB, tls.certificate_pem);
  if (!tls.key_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.key_file.c_str());
  if (!tls.key_pem.empty()) blob(CURLOPT_SSLKEY_BLOB, tls.key_pem);
  if (tls.insecure) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (tls.server_name.empty()) return;
  // The URL names whom the certificate must name; the connection goes where the caller's URL says.
  const UrlParts parts = split_url(url);
  curl_easy_setopt(easy, CURLOPT_URL, (parts.before + tls.server_name + ":" + parts.port + parts.after).c_str());
  connect_to_ = append(nullptr, tls.server_name + ":" + parts.port + ":" + parts.host + ":" + parts.port);
  curl_easy_setopt(easy, CURLOPT_CONNECT_TO, static_cast<curl_slist*>(connect_to_));
}

void Transfer::start() {
  running_ = true;
  engine_.add(*this);
}

std::string Transfer::what_broke() const { return error_text_; }

bool Transfer::sent() const {
  long bytes = 0;
  curl_easy_getinfo(curl_of(easy_), CURLINFO_REQUEST_SIZE, &bytes);
  return bytes > 0 || body_taken_;
}

size_t Transfer::on_header(char* data, size_t, size_t count, void* self) {
  static_cast<Transfer*>(self)->header_line(std::string_view(data, count));
  return count;
}

void Transfer::header_line(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (has_head_) return;  // trailers
  if (line.starts_with("HTTP/")) {
    headers_.clear();
    const size_t blank = line.find(' ');
    const std::string_view digits = blank == std::string_view::npos ? "" : line.substr(blank + 1, 3);
    status_ = static_cast<int>(parse_decimal<uint32_t>(digits).value_or(0));
    return;
  }
  if (line.empty()) {
    if (status_ < 200) return;  // an interim answer
    has_head_ = true;
    changed_.raise();
    return;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || headers_.size() >= kHeadBytesMax / 64) return;
  headers_.emplace_back(line.substr(0, colon), trim_blanks(line.substr(colon + 1)));
}

size_t Transfer::on_body(char* data, size_t, size_t count, void* pointer) {
  auto& self = *static_cast<Transfer*>(pointer);
  if (self.streamed_answer_) {
    if (self.in_.size() >= kStreamWindowBytes) {
      self.paused_in_ = true;
      return CURL_WRITEFUNC_PAUSE;
    }
  } else if (count > self.answer_bytes_max_ || self.in_.size() > self.answer_bytes_max_ - count) {
    self.too_large_ = true;
    return 0;
  }
  // All at once: growing by halves would copy each byte twice.
  if (self.streamed_answer_ && self.in_.capacity() < kStreamWindowBytes) self.in_.reserve(kStreamWindowBytes + count);
  self.in_.append(data, count);
  if (self.streamed_answer_) self.changed_.raise();
  return count;
}

std::string Transfer::take() {
  std::string bytes;
  take_next(bytes);
  return bytes;
}

void Transfer::take_next(std::string& bytes) {
  bytes.clear();
  bytes.swap(in_);
  if (!paused_in_) return;
  paused_in_ = false;
  unpause();
}

size_t Transfer::read_body(char* to, size_t size, size_t count, void* pointer) {
  auto& self = *static_cast<Transfer*>(pointer);
  const size_t bytes = self.next_bytes(to, size * count);
  if (bytes == 0 && self.streamed_body_ && !self.body_ended_) {
    self.paused_out_ = true;
    return CURL_READFUNC_PAUSE;
  }
  if (bytes > 0) self.body_taken_ = true;
  return bytes;
}

size_t Transfer::next_bytes(char* to, size_t room) {
  size_t done = 0;
  while (done < room && streamed_body_ && !out_.empty()) {
    std::string& piece = out_.front();
    const size_t part = std::min(room - done, piece.size() - out_offset_);
    std::memcpy(to + done, piece.data() + out_offset_, part);
    done += part;
    out_offset_ += part;
    if (out_offset_ < piece.size()) break;
    out_bytes_ -= piece.size();
    spare_.push_back(std::move(piece));
    out_.pop_front();
    out_offset_ = 0;
    changed_.raise();
  }
  while (done < room && !streamed_body_ && body_index_ < body_.size()) {
    const std::string_view piece = body_[body_index_];
    const size_t part = std::min(room - done, piece.size() - body_offset_);
    std::memcpy(to + done, piece.data() + body_offset_, part);
    done += part;
    body_offset_ += part;
    if (body_offset_ < piece.size()) break;
    ++body_index_;
    body_offset_ = 0;
  }
  return done;
}

// curl asks for this when a kept connection died under a request and it would send the request again on a new one.
// Whether that is allowed is decided by the table of retries (call.cc), not here.
int Transfer::seek_body(void*, int64_t, int) { return CURL_SEEKFUNC_FAIL; }

void Transfer::send(std::string piece) {
  if (piece.empty() || ended_) return;
  out_bytes_ += piece.size();
  out_.push_back(std::move(piece));
  if (paused_out_) {
    paused_out_ = false;
    unpause();
  }
}

std::string Transfer::spare() {
  std::string piece;
  if (!spare_.empty()) {
    piece.swap(spare_.back());
    spare_.pop_back();
  }
  return piece;
}

void Transfer::end_body() {
  body_ended_ = true;
  if (paused_out_) {
    paused_out_ = false;
    unpause();
  }
}

void Transfer::unpause() {
  if (ended_ || !running_) return;
  const int mask = (paused_in_ ? CURLPAUSE_RECV : 0) | (paused_out_ ? CURLPAUSE_SEND : 0);
  curl_easy_pause(curl_of(easy_), mask);
}

void Transfer::finished(int code) {
  ended_ = true;
  broken_ = too_large_ ? Broken::kTooLarge : kind_of(static_cast<CURLcode>(code), sent());
  if (broken_ != Broken::kNo && error_text_[0] == '\0') {
    const std::string text = curl_easy_strerror(static_cast<CURLcode>(code));
    text.copy(error_text_, sizeof error_text_ - 1);
  }
  // curl finds a connection for raw use only while the handle is in the multi handle.
  if (!connect_only_) {
    engine_.remove(*this);
    running_ = false;
  }
  changed_.raise();
}

}  // namespace sandgate::client
