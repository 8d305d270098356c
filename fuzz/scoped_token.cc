// Scoped tokens: whatever bytes come, a token is good only when its maker's key signed exactly these; a payload that is
// read is read again alike after it was written; no prefix covers a path that leads out of it.
//
// Input: byte 0 = what is tried; rest = a token, a payload, or a prefix and a path parted by a line feed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "policy/scoped_token.h"

namespace {

using namespace sandgate;
using namespace sandgate::policy;

const Secret& secret() {
  static const Secret value("0123456789abcdef0123456789abcdef");
  return value;
}

crypto::Ed25519PrivateKey private_key() {
  crypto::Ed25519PrivateKey key;
  key.fill(7);
  return key;
}

const ScopedTrust& trust() {
  static const ScopedTrust value = [] {
    const auto key = crypto::ed25519_public_key(private_key());
    const std::string_view bytes(reinterpret_cast<const char*>(key.data()), key.size());
    return ScopedTrust{std::make_shared<const Secret>(secret()),
                       *ScopedKeyBook::parse("k1 ed25519:" + crypto::base64url_encode(bytes))};
  }();
  return value;
}

void try_token(std::string_view text) {
  const WallTime early{Seconds(0)};
  const auto token = check_scoped_token(text, trust(), early);
  if (!token) return;
  // Nobody but us knows the keys, and what we sign is written by us: the corpus holds such tokens.
  const std::string again = token->strong ? make_scoped_token_v2(token->claims, private_key())
                                          : make_scoped_token_v1(token->claims, secret());
  const auto same = check_scoped_token(again, trust(), early);
  SG_ASSERT(same && same->claims.ns == token->claims.ns && same->claims.name == token->claims.name);
  SG_ASSERT(!check_scoped_token(std::string(text) + "A", trust(), early));
}

void try_payload(std::string_view text) {
  for (const OtherClaims others : {OtherClaims::kIgnored, OtherClaims::kRefused}) {
    const auto claims = read_token_payload(text, others);
    if (!claims) continue;
    const std::string written = write_token_payload(*claims);
    if (written.size() > kTokenPayloadBytesMax) continue;  // escapes make it longer
    const auto again = read_token_payload(written, OtherClaims::kRefused);
    SG_ASSERT(again && write_token_payload(*again) == written);
    SG_ASSERT(again->port == claims->port && again->path == claims->path && again->methods == claims->methods);
  }
}

void try_path(std::string_view text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return;
  const std::string_view prefix = text.substr(0, end);
  const std::string_view path = text.substr(end + 1);
  if (prefix.size() < 2 || !path_covered(prefix, path)) return;
  const std::string_view plain = path.substr(0, path.find('?'));
  SG_ASSERT(plain.starts_with(prefix));
  SG_ASSERT(plain.find("/../") == std::string_view::npos && !plain.ends_with("/.."));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      try_token(text);
      break;
    case 1:
      try_payload(text);
      break;
    case 2:
      try_path(text);
      break;
    default:
      if (const auto book = ScopedKeyBook::parse(text)) SG_ASSERT((*book)->size() >= 1);
  }
  return 0;
}
