#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/assert.h"

namespace sandgate::crypto {
namespace {

/// Fetched once for the life of the process: a fetch takes locks and a search, a digest of a short text does
/// not.
const EVP_MD* fetched(const char* name) {
  const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  SG_ASSERT(digest != nullptr);
  return digest;
}

template <class Out>
Out digest(const EVP_MD* algorithm, std::string_view bytes) {
  Out out;
  unsigned size = 0;
  SG_ASSERT(EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, algorithm, nullptr) == 1);
  SG_ASSERT(size == out.size());
  return out;
}

/// The value of a base64 character, or -1.
int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Sha256 sha256(std::string_view bytes) {
  static const EVP_MD* const algorithm = fetched("SHA2-256");
  return digest<Sha256>(algorithm, bytes);
}

Sha1 sha1(std::string_view bytes) {
  static const EVP_MD* const algorithm = fetched("SHA1");
  return digest<Sha1>(algorithm, bytes);
}

std::string base64_encode(std::span<const uint8_t> bytes) {
  SG_ASSERT(bytes.size() <= 1u << 30);                    // the library counts in int
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // it also writes a zero byte behind
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

// Not EVP_DecodeBlock: that one trims blanks and takes padding anywhere.
std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  unsigned held = 0;  // how many bits wait for their byte; at the end 2 for each '='
  for (char c : text) {
    const int value = sextet(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held & 0xff);
    }
  }
  if ((bits & ((1u << held) - 1)) != 0) return std::nullopt;
  return out;
}

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  return base64_encode(sha1(text));
}

void random_bytes(std::span<uint8_t> out) {
  SG_ASSERT(out.size() <= 1u << 30);
  SG_ASSERT(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

}  // namespace sandgate::crypto
