#include "front/opensandbox/signature.h"

#include <algorithm>
#include <charconv>

#include "crypto/crypto.h"
#include "crypto/signature.h"

namespace sandgate::front::opensandbox {
namespace {

constexpr size_t kStrongBytes = 16;

std::string text_of(const crypto::Sha256& digest) { return {digest.begin(), digest.end()}; }

void append_be32(std::string& out, size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift & 0xff));
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

std::string base32(std::string_view bytes) {
  constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 5; count -= 5) out.push_back(kDigits[bits >> (count - 5) & 31]);
    bits &= (1U << count) - 1;
  }
  if (count > 0) out.push_back(kDigits[bits << (5 - count) & 31]);
  return out;
}

}  // namespace

std::string canonical_of(SignatureForm form, const SignedClaim& claim) {
  std::string text(form == SignatureForm::kShort ? "v1\nshort\n" : "sandgate-route-v1\n");
  if (form == SignatureForm::kStrong) text.append(claim.ns).append("\n");
  text.append(claim.id).append("\n").append(std::to_string(claim.port)).append("\n").append(claim.expires).append("\n");
  return text;
}

std::string signature_of(SignatureForm form, const SignedClaim& claim, const SigningKey& key) {
  const std::string canonical = canonical_of(form, claim);
  const std::string_view secret = key.secret.reveal();
  std::string signature;
  if (form == SignatureForm::kStrong) {
    signature = base32(crypto::as_text(crypto::hmac_sha256(secret, canonical)).substr(0, kStrongBytes));
  } else {
    std::string inner;
    append_be32(inner, secret.size());
    inner.append(secret);
    append_be32(inner, canonical.size());
    inner.append(canonical);
    signature = hex(text_of(crypto::sha256(inner))).substr(0, kShortSignatureSize - 1);
  }
  signature.push_back(key.id);
  return signature;
}

SignatureForm form_of(std::string_view signature) {
  return signature.size() == kShortSignatureSize ? SignatureForm::kShort : SignatureForm::kStrong;
}

std::string to_base36(uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 36).ptr;
  return {digits, end};
}

std::optional<uint64_t> from_base36(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 36);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace sandgate::front::opensandbox
