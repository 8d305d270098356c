#include "policy/api_keys.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "crypto/crypto.h"

namespace sandgate::policy {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kDigestPrefix = "sha256:";
constexpr size_t kLineBytesMax = 64 * 1024;

/// The next word of `line`, which is shortened by it; empty at the end.
std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

std::optional<std::string> read_digest(std::string_view word) {
  if (!word.starts_with(kDigestPrefix)) return std::nullopt;
  word.remove_prefix(kDigestPrefix.size());
  if (word.size() != 64) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < word.size(); i += 2) {
    uint8_t byte = 0;
    const auto [end, error] = std::from_chars(word.data() + i, word.data() + i + 2, byte, 16);
    if (error != std::errc{} || end != word.data() + i + 2) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

std::optional<PortRange> read_ports(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = parse_decimal<uint16_t>(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_decimal<uint16_t>(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *last < *first) return std::nullopt;
  return PortRange{*first, *last};
}

/// Reads one `name=value`; the text says what is wrong, empty: nothing.
std::string read_word(std::string_view word, KeyScope& scope) {
  const size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
  if (value.empty()) return "'" + std::string(word) + "' is not of the form name=value";
  if (name == "name") {
    if (!scope.name.empty()) return "'name' stands twice";
    scope.name = value;
    return {};
  }
  std::string fault;
  const bool is_user = name == "user";
  const bool is_sandbox = name == "sandbox";
  if (!is_user && !is_sandbox && name != "port") {
    return "'" + std::string(name) + "' is not one of user, sandbox, port and name";
  }
  for_each_list_item(value, [&](std::string_view item) {
    if (item.empty()) {
      fault = "an empty item in '" + std::string(word) + "'";
    } else if (is_user && item == "*") {
      scope.every_user = true;
    } else if (is_user || is_sandbox) {
      (is_user ? scope.users : scope.sandboxes).emplace_back(item);
    } else if (const auto range = read_ports(item)) {
      scope.ports.push_back(*range);
    } else {
      fault = "'" + std::string(item) + "' is no port: 1 to 65535, or two of them as from-to";
    }
  });
  return fault;
}

std::string read_line(std::string_view line, std::string& digest, KeyScope& scope) {
  const auto found = read_digest(next_word(line));
  if (!found) return "a line starts with sha256: and 64 hex digits";
  digest = *found;
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
    if (std::string fault = read_word(word, scope); !fault.empty()) return fault;
  }
  if (scope.users.empty() && !scope.every_user) return "no user: user=<user>, or user=* for every user";
  return {};
}

}  // namespace

bool KeyScope::covers_user(std::string_view user) const {
  return every_user || std::find(users.begin(), users.end(), user) != users.end();
}

bool KeyScope::covers(std::string_view user, std::string_view sandbox) const {
  return covers_user(user) &&
         (sandboxes.empty() || std::find(sandboxes.begin(), sandboxes.end(), sandbox) != sandboxes.end());
}

bool KeyScope::covers_port(uint16_t port) const {
  return ports.empty() || std::any_of(ports.begin(), ports.end(), [&](const PortRange& range) {
           return range.first <= port && port <= range.last;
         });
}

size_t KeyBook::DigestHash::operator()(const std::string& digest) const {
  size_t hash = 0;
  std::memcpy(&hash, digest.data(), std::min(sizeof hash, digest.size()));
  return hash;
}

Result<std::shared_ptr<const KeyBook>> KeyBook::parse(std::string_view text) {
  auto book = std::make_shared<KeyBook>();
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const auto at_line = [&](const std::string& what) { return fail("line " + std::to_string(number) + ": " + what); };
    if (line.size() > kLineBytesMax) return at_line("longer than " + std::to_string(kLineBytesMax) + " bytes");
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(kBlanks) == std::string_view::npos) continue;
    std::string digest;
    KeyScope scope;
    if (const std::string fault = read_line(line, digest, scope); !fault.empty()) return at_line(fault);
    if (!book->scopes_.emplace(std::move(digest), std::move(scope)).second) return at_line("this key stands twice");
    if (book->scopes_.size() > kApiKeysMax) return at_line("more than " + std::to_string(kApiKeysMax) + " keys");
  }
  if (book->scopes_.empty()) return fail("no key in it; at least one line sha256:<digest> user=<user> is needed");
  return book;
}

const KeyScope* KeyBook::find(std::string_view presented) const {
  if (presented.empty() || presented.size() > kApiKeyBytesMax) return nullptr;
  const crypto::Sha256 digest = crypto::sha256(presented);
  const auto found = scopes_.find(std::string(digest.begin(), digest.end()));
  return found == scopes_.end() ? nullptr : &found->second;
}

}  // namespace sandgate::policy
