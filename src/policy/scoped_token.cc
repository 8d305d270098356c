#include "policy/scoped_token.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/strings.h"

namespace sandgate::policy {
namespace {

constexpr std::string_view kPrefixV1 = "agent-sandbox/scoped-token/v1.";
constexpr std::string_view kPrefixV2 = "sandgate/scoped-token/v2.";
constexpr std::string_view kWhite = " \t\r\n\v\f";
constexpr size_t kLineBytesMax = 8192;

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kWhite);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhite) - first + 1);
}

std::string_view next_word(std::string_view& line) {
  line = trim(line);
  const std::string_view word = line.substr(0, line.find_first_of(kWhite));
  line.remove_prefix(word.size());
  return word;
}

bool is_key_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '.' || c == '_' || c == '-';
  });
}

/// One line of a key book; what is wrong with it, or nothing.
std::string read_line(std::string_view line, std::string& id, ScopedKeyBook::Key& key) {
  id = next_word(line);
  if (!is_key_id(id)) return "a line starts with a key id: 1 to 64 of letters, digits, '.', '_' and '-'";
  constexpr std::string_view kKind = "ed25519:";
  const std::string_view word = next_word(line);
  const auto bytes =
      word.starts_with(kKind) ? crypto::base64url_decode(word.substr(kKind.size())) : std::optional<std::string>();
  if (!bytes || bytes->size() != key.public_key.size()) {
    return "the key id is followed by ed25519: and 32 bytes in base64url (43 characters)";
  }
  std::memcpy(key.public_key.data(), bytes->data(), bytes->size());
  for (std::string_view more = next_word(line); !more.empty(); more = next_word(line)) {
    if (!more.starts_with("ns=") || !key.namespaces.empty()) return "only one ns=<namespace>[,...] may follow the key";
    std::string fault;
    for_each_list_item(more.substr(3), [&](std::string_view item) {
      if (!is_dns_label(item)) fault = "ns= takes DNS labels";
      key.namespaces.emplace_back(item);
    });
    if (!fault.empty()) return fault;
  }
  return {};
}

/// The three parts of a token; false when it is of another shape.
struct Parts {
  std::string_view version;
  std::string_view payload;
  std::string_view signature;
};
bool split(std::string_view token, Parts& parts) {
  if (token.size() > kScopedTokenBytesMax) return false;
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return false;
  parts = {token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
  return true;
}

int64_t unix_seconds(WallTime time) { return std::chrono::duration_cast<Seconds>(time.time_since_epoch()).count(); }

/// Both versions name their sandbox and their end, in time.
bool in_force(const ScopedToken& token, WallTime now) {
  const TokenClaims& claims = token.claims;
  const int64_t now_s = unix_seconds(now);
  if (now_s >= claims.expires_s) return false;
  return !token.strong || claims.expires_s - now_s <= kScopedTokenLifeMax.count();
}

std::optional<ScopedToken> check_v1(const Parts& parts, const ScopedTrust& trust) {
  if (!trust.secret) return std::nullopt;
  const auto signature = crypto::base64url_decode(parts.signature);
  const auto wanted = crypto::hmac_sha256(trust.secret->reveal(), std::string(kPrefixV1).append(parts.payload));
  if (!signature || !crypto::equal_constant_time(*signature, crypto::as_text(wanted))) return std::nullopt;
  const auto json = crypto::base64url_decode(parts.payload);
  if (!json) return std::nullopt;
  auto claims = read_token_payload(*json, OtherClaims::kIgnored);
  if (!claims || claims->ns.empty() || claims->name.empty()) return std::nullopt;
  return ScopedToken{false, std::move(*claims)};
}

std::optional<ScopedToken> check_v2(const Parts& parts, const ScopedTrust& trust) {
  if (!trust.keys) return std::nullopt;
  const auto json = crypto::base64url_decode(parts.payload);
  const auto signature = crypto::base64url_decode(parts.signature);
  if (!json || !signature) return std::nullopt;
  // Read before it is verified, as it names the key; what it says counts only afterwards.
  auto claims = read_token_payload(*json, OtherClaims::kRefused);
  if (!claims || claims->ns.empty() || claims->name.empty() || claims->port == 0) return std::nullopt;
  const ScopedKeyBook::Key* key = trust.keys->find(claims->key_id);
  if (key == nullptr || !key->covers(claims->ns)) return std::nullopt;
  if (!crypto::ed25519_verify(key->public_key, std::string(kPrefixV2).append(parts.payload), *signature)) {
    return std::nullopt;
  }
  return ScopedToken{true, std::move(*claims)};
}

/// Decodes each well-formed %XX once; what is malformed stays.
std::string decode_once(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t byte = 0;
    const char* at = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(at, at + 2, byte, 16).ptr == at + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool has_dot_dot(std::string_view path) {
  while (!path.empty()) {
    const size_t end = path.find_first_of("/\\");
    std::string_view segment = path.substr(0, end);
    segment = segment.substr(0, segment.find(';'));  // what some servers cut off before they look at the dots
    if (segment == "..") return true;
    if (end == std::string_view::npos) return false;
    path.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

Result<Secret> read_scoped_secret(std::string_view text) {
  const std::string_view secret = trim(text);
  if (secret.size() < kScopedSecretBytesMin) {
    return fail("the secret has " + std::to_string(secret.size()) + " bytes; at least " +
                std::to_string(kScopedSecretBytesMin) + " are needed, blanks around it not counted");
  }
  if (secret.size() > 1u << 20) return fail("the secret is longer than a mebibyte");
  return Secret(std::string(secret));
}

// --- the key book ------------------------------------------------------------------------------------------------

bool ScopedKeyBook::Key::covers(std::string_view ns) const {
  return namespaces.empty() || std::find(namespaces.begin(), namespaces.end(), ns) != namespaces.end();
}

Result<std::shared_ptr<const ScopedKeyBook>> ScopedKeyBook::parse(std::string_view text) {
  auto book = std::make_shared<ScopedKeyBook>();
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const auto at_line = [&](const std::string& what) { return fail("line " + std::to_string(number) + ": " + what); };
    if (line.size() > kLineBytesMax) return at_line("longer than " + std::to_string(kLineBytesMax) + " bytes");
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    std::string id;
    Key key;
    if (const std::string fault = read_line(line, id, key); !fault.empty()) return at_line(fault);
    if (!book->keys_.emplace(std::move(id), std::move(key)).second) return at_line("this key id stands twice");
    if (book->keys_.size() > kScopedKeysMax) return at_line("more than " + std::to_string(kScopedKeysMax) + " keys");
  }
  if (book->keys_.empty()) return fail("no key in it; at least one line <key id> ed25519:<public key> is needed");
  return book;
}

const ScopedKeyBook::Key* ScopedKeyBook::find(const std::string& id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

// --- checking ----------------------------------------------------------------------------------------------------

std::optional<ScopedToken> check_scoped_token(std::string_view token, const ScopedTrust& trust, WallTime now) {
  Parts parts;
  if (!split(token, parts)) return std::nullopt;
  std::optional<ScopedToken> out;
  if (parts.version == "v1") out = check_v1(parts, trust);
  if (parts.version == "v2") out = check_v2(parts, trust);
  if (out && !in_force(*out, now)) out.reset();
  return out;
}

bool path_covered(std::string_view prefix, std::string_view path) {
  path = path.substr(0, path.find('?'));
  if (prefix.empty() || prefix == "/") return true;
  if (!path.starts_with(prefix)) return false;
  if (!prefix.ends_with('/') && path.size() > prefix.size() && path[prefix.size()] != '/') return false;
  std::string form(path);
  for (int round = 0; round < 4; ++round) {
    if (has_dot_dot(form)) return false;
    std::string decoded = decode_once(form);
    if (decoded == form) return true;
    form = std::move(decoded);
  }
  return false;
}

bool scope_covers(const ScopedToken& token, const ScopedTarget& target) {
  const TokenClaims& claims = token.claims;
  if (claims.ns != target.ns || claims.name != target.name) return false;
  if (!token.strong) return true;
  if (claims.port != target.port) return false;
  const auto& methods = claims.methods;
  if (!methods.empty() && std::find(methods.begin(), methods.end(), target.method) == methods.end()) return false;
  return path_covered(claims.path, target.path);
}

// --- making ------------------------------------------------------------------------------------------------------

std::string make_scoped_token_v1(const TokenClaims& claims, const Secret& secret) {
  TokenClaims plain;
  plain.ns = claims.ns;
  plain.name = claims.name;
  plain.expires_s = claims.expires_s;
  const std::string payload = crypto::base64url_encode(write_token_payload(plain));
  const auto signature = crypto::hmac_sha256(secret.reveal(), std::string(kPrefixV1).append(payload));
  return "v1." + payload + "." + crypto::base64url_encode(crypto::as_text(signature));
}

std::string make_scoped_token_v2(const TokenClaims& claims, const crypto::Ed25519PrivateKey& key) {
  SG_ASSERT(!claims.key_id.empty() && claims.port != 0);
  const std::string payload = crypto::base64url_encode(write_token_payload(claims));
  return "v2." + payload + "." +
         crypto::base64url_encode(crypto::ed25519_sign(key, std::string(kPrefixV2).append(payload)));
}

// --- the ring ----------------------------------------------------------------------------------------------------

size_t ScopedTokenRing::Hash::operator()(const crypto::Sha256& digest) const {
  size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

void ScopedTokenRing::replace_secret(Secret secret) {
  const std::lock_guard lock(mutex_);
  trust_.secret = std::make_shared<const Secret>(std::move(secret));
}

void ScopedTokenRing::replace_keys(std::shared_ptr<const ScopedKeyBook> keys) {
  const std::lock_guard lock(mutex_);
  trust_.keys = std::move(keys);
  young_.clear();
  old_.clear();
}

std::optional<ScopedToken> ScopedTokenRing::recall(const crypto::Sha256& digest, ScopedTrust& trust) const {
  const std::lock_guard lock(mutex_);
  trust = trust_;
  for (const Verified* generation : {&young_, &old_}) {
    if (const auto found = generation->find(digest); found != generation->end()) return found->second;
  }
  return std::nullopt;
}

void ScopedTokenRing::remember(const crypto::Sha256& digest, const ScopedToken& token, const ScopedTrust& trust) const {
  const std::lock_guard lock(mutex_);
  if (trust_.keys != trust.keys) return;  // replaced meanwhile: it may be trusted no more
  if (young_.size() >= verified_max_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.emplace(digest, token);
}

size_t ScopedTokenRing::remembered() const {
  const std::lock_guard lock(mutex_);
  return young_.size() + old_.size();
}

std::optional<ScopedToken> ScopedTokenRing::check(std::string_view token, WallTime now) const {
  ScopedTrust trust;
  if (!token.starts_with("v2.") || token.size() > kScopedTokenBytesMax) {
    {
      const std::lock_guard lock(mutex_);
      trust = trust_;
    }
    return check_scoped_token(token, trust, now);
  }
  const crypto::Sha256 digest = crypto::sha256(token);
  auto known = recall(digest, trust);
  if (known) return in_force(*known, now) ? known : std::nullopt;
  auto checked = check_scoped_token(token, trust, now);
  if (checked) remember(digest, *checked, trust);
  return checked;
}

}  // namespace sandgate::policy
