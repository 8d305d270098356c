#include "client/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <mutex>
#include <random>
#include <sandgate/client.hpp>

#include "base/strings.h"

namespace sandgate::client {
namespace {

constexpr size_t kSmallFileBytesMax = 1024 * 1024;

uint64_t random_bits() {
  static std::mutex mutex;
  static std::mt19937_64 generator = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  const std::lock_guard lock(mutex);
  return generator();
}

}  // namespace

Task<bool> wait_head(Scope& scope, Transfer& transfer) {
  while (!transfer.has_head() && !transfer.ended()) {
    if (scope.over()) co_return false;
    co_await scope.wait(transfer.changed());
  }
  co_return true;
}

Task<bool> wait_bytes(Scope& scope, Transfer& transfer) {
  while (transfer.waiting_bytes() == 0 && !transfer.ended()) {
    if (scope.over()) co_return false;
    co_await scope.wait(transfer.changed());
  }
  co_return !scope.over();
}

Task<bool> wait_room(Scope& scope, Transfer& transfer) {
  while (!transfer.wants_body() && !transfer.ended()) {
    if (scope.over()) co_return false;
    co_await scope.wait(transfer.changed());
  }
  co_return !scope.over();
}

Task<bool> wait_end(Scope& scope, Transfer& transfer) {
  while (!transfer.ended()) {
    if (scope.over()) co_return false;
    co_await scope.wait(transfer.changed());
  }
  co_return true;
}

Task<Reply> exchange(Scope& scope, const HttpRequest& request) {
  Transfer transfer(scope.engine(), request);
  Reply reply;
  if (scope.over()) {
    reply.over = true;
    co_return reply;
  }
  transfer.start();
  reply.over = !co_await wait_end(scope, transfer);
  reply.sent = transfer.sent();
  if (reply.over) co_return reply;
  reply.broken = transfer.broken();
  reply.what_broke = transfer.what_broke();
  reply.status = transfer.status();
  reply.headers = transfer.headers();
  reply.body = transfer.take();
  co_return reply;
}

bool marked_by_sandgate(const Headers& headers) {
  constexpr std::string_view kPrefix = "X-Sandgate-";
  return std::any_of(headers.begin(), headers.end(), [kPrefix](const auto& header) {
    return iequals(std::string_view(header.first).substr(0, kPrefix.size()), kPrefix);
  });
}

std::string user_agent() { return "sandgate-client/" + std::string(version()); }

std::string random_hex(size_t digits) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(digits);
  uint64_t bits = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (i % 16 == 0) bits = random_bits();
    text.push_back(kDigits[bits & 15]);
    bits >>= 4;
  }
  return text;
}

double random_unit() { return static_cast<double>(random_bits() >> 11) * 0x1.0p-53; }

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value) {
  constexpr uint64_t kSecondsMax = 86'400;
  if (const auto seconds = parse_decimal<uint64_t>(value)) {
    return std::chrono::seconds(static_cast<int64_t>(std::min(*seconds, kSecondsMax)));
  }
  const time_t when = curl_getdate(std::string(value).c_str(), nullptr);
  if (when < 0) return std::nullopt;
  const int64_t rest = std::max<int64_t>(0, when - std::time(nullptr));
  return std::chrono::seconds(std::min<int64_t>(rest, static_cast<int64_t>(kSecondsMax)));
}

Result<std::string> read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kSmallFileBytesMax + 1, '\0');
  if (!file.is_open()) {
    return make_error(Errc::io, "cannot read " + path + ": " + std::strerror(errno));
  }
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kSmallFileBytesMax) return make_error(Errc::io, path + " has more than 1 MiB");
  if (file.bad()) return make_error(Errc::io, "cannot read " + path);
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && blank(text.back())) text.pop_back();
  size_t first = 0;
  while (first < text.size() && blank(text[first])) ++first;
  return text.substr(first);
}

std::string decimal_seconds(std::chrono::milliseconds time) {
  const int64_t whole = time.count() / 1000, part = time.count() % 1000;
  std::string text = std::to_string(whole);
  if (part == 0) return text;
  char digits[8];
  std::snprintf(digits, sizeof digits, ".%03d", static_cast<int>(part));
  text += digits;
  while (text.back() == '0') text.pop_back();
  return text;
}

}  // namespace sandgate::client
