#include "client/raw_connection.h"

#include <curl/curl.h>

namespace sandgate::client {
namespace {

constexpr size_t kReceiveBytes = 64 * 1024;

HttpRequest only_connect(const HttpRequest& request) {
  HttpRequest bare;
  bare.url = request.url;
  bare.tls = request.tls;
  bare.proxy = request.proxy;
  bare.never_proxy = request.never_proxy;
  bare.connect_only = true;
  return bare;
}

}  // namespace

RawConnection::RawConnection(Engine& engine, const HttpRequest& request) : Transfer(engine, only_connect(request)) {}

RawConnection::~RawConnection() { watch_.reset(); }

Task<Result<void>> RawConnection::connect(Scope& scope) {
  start();
  if (!co_await wait_end(scope, *this)) co_return scope.error("connecting to the API server");
  if (broken() != Broken::kNo)
    co_return make_error(Errc::transport, "cannot connect to the API server: " + what_broke());
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(static_cast<CURL*>(easy()), CURLINFO_ACTIVESOCKET, &fd);
  if (fd == CURL_SOCKET_BAD) co_return make_error(Errc::transport, "cannot connect to the API server: no socket");
  watch_ = std::make_unique<Watch>(scope.engine(), fd);
  co_return Result<void>();
}

RawConnection::Io RawConnection::receive(std::string& into) {
  const size_t before = into.size();
  into.resize(before + kReceiveBytes);
  size_t got = 0;
  const CURLcode code = curl_easy_recv(static_cast<CURL*>(easy()), into.data() + before, kReceiveBytes, &got);
  into.resize(before + got);
  if (code == CURLE_AGAIN) return Io::kAgain;
  return code == CURLE_OK && got > 0 ? Io::kDone : Io::kClosed;
}

RawConnection::Io RawConnection::send(std::string_view bytes, size_t& sent) {
  sent = 0;
  const CURLcode code = curl_easy_send(static_cast<CURL*>(easy()), bytes.data(), bytes.size(), &sent);
  if (code == CURLE_AGAIN) return Io::kAgain;
  return code == CURLE_OK ? Io::kDone : Io::kClosed;
}

}  // namespace sandgate::client
