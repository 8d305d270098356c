#include "control/redis_dsn.h"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace sandgate::control {
namespace {

constexpr std::string_view kForms = "redis://[user:password@]host[:port][/db], rediss://... or unix:///path?db=N";
constexpr size_t kSocketPathMax = sizeof(sockaddr_un::sun_path) - 1;

/// Settings of a connection pool that is not ours, and of retries that do not exist here.
constexpr std::array<std::string_view, 21> kKnownOptions = {
    "protocol",          "client_name",      "max_retries",          "min_retry_backoff",
    "max_retry_backoff", "dial_timeout",     "read_timeout",         "write_timeout",
    "pool_fifo",         "pool_size",        "pool_timeout",         "min_idle_conns",
    "max_idle_conns",    "max_active_conns", "conn_max_idle_time",   "conn_max_lifetime",
    "idle_timeout",      "max_conn_age",     "idle_check_frequency", "context_timeout_enabled",
    "identity_suffix",
};

std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  const char lower = to_lower(c);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
  return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

/// With an `@` in it, it may be the rest of a password that should have been encoded.
std::string in_quotes(std::string_view text) {
  return text.find('@') == std::string_view::npos ? "\"" + std::string(text) + "\"" : std::string("(with an `@`)");
}

/// What stands before "://" may be the start of a password when the text is malformed; then it is not shown.
bool looks_like_scheme(std::string_view text) {
  return !text.empty() && text.size() <= 16 && std::all_of(text.begin(), text.end(), [](char c) {
    return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

Result<uint32_t> parse_db(std::string_view text) {
  const auto db = parse_decimal<uint32_t>(text);
  if (!db || *db > static_cast<uint32_t>(std::numeric_limits<int32_t>::max())) {
    return fail("invalid database number " + in_quotes(text) + ": a number from 0 to 2147483647 is accepted");
  }
  return *db;
}

Result<void> take_user(std::string_view user_info, RedisDsn& dsn) {
  const size_t colon = user_info.find(':');
  auto user = percent_decoded(user_info.substr(0, colon));
  auto password = colon == std::string_view::npos ? std::string{} : percent_decoded(user_info.substr(colon + 1));
  if (!user || !password) return fail("user or password has a bad percent escape: %XX with two hex digits is accepted");
  dsn.user = std::move(*user);
  dsn.password = Secret(std::move(*password));
  return {};
}

bool is_host(std::string_view host) {
  return host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
           return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_';
         });
}

bool is_bracketed_address(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.find(':') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return hex_digit(c) || c == ':' || c == '.'; });
}

/// `HOST[:PORT]`, both may be missing.
Result<void> take_host(std::string_view text, RedisDsn& dsn) {
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    const std::string_view host = text.substr(1, end == std::string_view::npos ? end : end - 1);
    const std::string_view rest = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (end == std::string_view::npos || !is_bracketed_address(host) || (!rest.empty() && rest[0] != ':')) {
      return fail("invalid host: an IPv6 address in brackets is [ADDRESS] or [ADDRESS]:PORT");
    }
    dsn.host = host;
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else {
    const size_t colon = text.find(':');
    const std::string_view host = text.substr(0, colon);
    // The host is not shown: with an unescaped `/` or `#` in a password it is a part of that.
    if (!is_host(host)) return fail("invalid host: letters, digits, `-`, `.` and `_` are accepted");
    if (!host.empty()) dsn.host = host;
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  }
  if (!has_port || port.empty()) return {};
  const auto number = parse_decimal<uint16_t>(port);
  if (!number || *number == 0) {
    return fail("invalid port: 1 to 65535 is accepted (a password with `/`, `?`, `#` or `@` must be percent-encoded)");
  }
  dsn.port = *number;
  return {};
}

/// `?name=value&...`; the database when `db` was given.
Result<std::optional<uint32_t>> take_options(std::string_view query, RedisDsn& dsn) {
  std::optional<uint32_t> db;
  while (!query.empty()) {
    const size_t ampersand = query.find('&');
    const std::string_view option = query.substr(0, ampersand);
    query = ampersand == std::string_view::npos ? std::string_view{} : query.substr(ampersand + 1);
    if (option.empty()) continue;
    const size_t equals = option.find('=');
    const std::string_view name = option.substr(0, equals);
    if (name == "db") {
      const auto number = parse_db(equals == std::string_view::npos ? "" : option.substr(equals + 1));
      if (!number) return tl::unexpected(number.error());
      db = *number;
    } else if (std::find(kKnownOptions.begin(), kKnownOptions.end(), name) != kKnownOptions.end()) {
      dsn.ignored.emplace_back(name);
    } else {
      return fail("unexpected option " + in_quotes(name.substr(0, 64)) + ": `db` is accepted");
    }
  }
  return db;
}

Result<void> take_unix(std::string_view rest, RedisDsn& dsn) {
  const size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  const std::string_view encoded = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  if (!authority.empty()) {
    if (authority.back() != '@') return fail("invalid socket path: it begins with `/` (unix:///PATH)");
    if (auto taken = take_user(authority.substr(0, authority.size() - 1), dsn); !taken) return taken;
  }
  auto path = percent_decoded(encoded);
  if (!path || path->empty() || path->size() > kSocketPathMax || path->find('\0') != std::string::npos) {
    return fail("invalid socket path: 1 to " + std::to_string(kSocketPathMax) + " bytes are accepted (unix:///PATH)");
  }
  dsn.path = std::move(*path);
  return {};
}

Result<std::optional<uint32_t>> take_tcp(std::string_view rest, RedisDsn& dsn) {
  const size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    if (auto taken = take_user(authority.substr(0, at), dsn); !taken) return tl::unexpected(taken.error());
    authority.remove_prefix(at + 1);
  }
  if (auto taken = take_host(authority, dsn); !taken) return tl::unexpected(taken.error());
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return std::optional<uint32_t>{};
  const auto db = parse_db(path);
  if (!db) return tl::unexpected(db.error());
  return std::optional<uint32_t>(*db);
}

}  // namespace

std::string RedisDsn::address() const {
  const std::string tail = db == 0 ? "" : (transport == Transport::kUnix ? "?db=" : "/") + std::to_string(db);
  if (transport == Transport::kUnix) return "unix://" + path + tail;
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return (transport == Transport::kTls ? "rediss://" : "redis://") + name + ":" + std::to_string(port) + tail;
}

Result<RedisDsn> parse_redis_dsn(std::string_view text) {
  if (text.size() > kRedisDsnBytesMax) {
    return fail("the address is longer than " + std::to_string(kRedisDsnBytesMax) + " bytes");
  }
  const auto strange = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), strange)) {
    return fail("blanks and control characters must be percent-encoded");
  }
  const size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return fail("no URL: " + std::string(kForms) + " is accepted");
  RedisDsn dsn;
  std::string scheme(text.substr(0, scheme_end));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(), to_lower);
  if (scheme == "rediss") {
    dsn.transport = RedisDsn::Transport::kTls;
  } else if (scheme == "unix") {
    dsn.transport = RedisDsn::Transport::kUnix;
  } else if (scheme != "redis") {
    const std::string shown = looks_like_scheme(scheme) ? " " + in_quotes(scheme) : "";
    return fail("invalid URL scheme" + shown + ": " + std::string(kForms) + " is accepted");
  }
  std::string_view rest = text.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));
  std::string_view query;
  if (const size_t mark = rest.find('?'); mark != std::string_view::npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  std::optional<uint32_t> db;
  if (dsn.transport == RedisDsn::Transport::kUnix) {
    if (auto taken = take_unix(rest, dsn); !taken) return tl::unexpected(taken.error());
  } else {
    auto taken = take_tcp(rest, dsn);
    if (!taken) return tl::unexpected(taken.error());
    db = *taken;
  }
  const auto option = take_options(query, dsn);
  if (!option) return tl::unexpected(option.error());
  dsn.db = db ? *db : option->value_or(0);
  return dsn;
}

}  // namespace sandgate::control
