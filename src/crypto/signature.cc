#include "crypto/signature.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <span>

#include "base/assert.h"

namespace sandgate::crypto {
namespace {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* thing) const {
    kFree(thing);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;

const uint8_t* bytes_of(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

Key private_key(const Ed25519PrivateKey& key) {
  Key out(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  SG_ASSERT(out != nullptr);  // every 32 bytes are a seed
  return out;
}

/// An encrypted key would otherwise make the library ask for a password on the terminal.
int no_password(char*, int, int, void*) { return -1; }

}  // namespace

Sha256 hmac_sha256(std::string_view key, std::string_view bytes) {
  SG_ASSERT(!key.empty() && key.size() <= 1u << 20);
  Sha256 out;
  unsigned size = 0;
  SG_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(bytes), bytes.size(), out.data(),
                 &size) != nullptr);
  SG_ASSERT(size == out.size());
  return out;
}

std::string base64url_encode(std::string_view bytes) {
  std::string out = base64_encode(std::span(bytes_of(bytes), bytes.size()));
  while (out.ends_with('=')) out.pop_back();
  std::replace(out.begin(), out.end(), '+', '-');
  std::replace(out.begin(), out.end(), '/', '_');
  return out;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  if (text.size() % 4 == 1 || text.find_first_of("+/=") != std::string_view::npos) return std::nullopt;
  std::string other(text);
  std::replace(other.begin(), other.end(), '-', '+');
  std::replace(other.begin(), other.end(), '_', '/');
  other.append((4 - other.size() % 4) % 4, '=');
  return base64_decode(other);
}

bool ed25519_verify(const Ed25519PublicKey& key, std::string_view message, std::string_view signature) {
  if (signature.size() != kEd25519SignatureBytes) return false;
  const Key public_key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  SG_ASSERT(public_key != nullptr);
  const DigestContext context(EVP_MD_CTX_new());
  SG_ASSERT(context != nullptr);
  SG_ASSERT(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1);
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
}

std::string ed25519_sign(const Ed25519PrivateKey& key, std::string_view message) {
  const Key secret = private_key(key);
  const DigestContext context(EVP_MD_CTX_new());
  SG_ASSERT(context != nullptr);
  SG_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, secret.get()) == 1);
  std::string out(kEd25519SignatureBytes, '\0');
  size_t size = out.size();
  SG_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(out.data()), &size, bytes_of(message),
                           message.size()) == 1);
  SG_ASSERT(size == out.size());
  return out;
}

Ed25519PublicKey ed25519_public_key(const Ed25519PrivateKey& key) {
  Ed25519PublicKey out;
  size_t size = out.size();
  SG_ASSERT(EVP_PKEY_get_raw_public_key(private_key(key).get(), out.data(), &size) == 1 && size == out.size());
  return out;
}

Result<Ed25519PrivateKey> read_ed25519_pem(std::string_view pem) {
  if (pem.size() > 1u << 16) return fail("is longer than 65536 bytes");
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  SG_ASSERT(bio != nullptr);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  Ed25519PrivateKey out;
  size_t size = out.size();
  if (key == nullptr) return fail("holds no private key in PEM form without a password");
  if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_private_key(key.get(), out.data(), &size) != 1 || size != out.size()) {
    return fail("holds a key that is not Ed25519");
  }
  return out;
}

}  // namespace sandgate::crypto
