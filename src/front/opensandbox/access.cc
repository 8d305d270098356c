#include "front/opensandbox/access.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "base/strings.h"
#include "crypto/crypto.h"

namespace sandgate::front::opensandbox {
namespace {

Access check_signature(const AccessQuestion& q) {
  if (q.keys == nullptr) return Access::kNotConfigured;
  const SignatureForm form = form_of(q.route.signature);
  if (form == SignatureForm::kShort && q.strong == StrongSignatures::kRequire) return Access::kStrongRequired;
  const auto expires = from_base36(q.route.expires);
  const int64_t seconds = std::chrono::floor<Seconds>(q.now).time_since_epoch().count();
  const uint64_t now = seconds < 0 ? 0 : static_cast<uint64_t>(seconds);
  if (!expires || now > *expires) return Access::kExpired;
  const SigningKey* key = q.keys->find(q.route.signature.back());
  if (key == nullptr) return Access::kUnknownKey;
  const SignedClaim claim{q.ns, q.route.id, q.route.port, q.route.expires};
  if (!crypto::equal_constant_time(signature_of(form, claim, *key), q.route.signature)) {
    return Access::kSignatureMismatch;
  }
  const bool too_far = form == SignatureForm::kStrong && *expires - now > kStrongValidityMax.count();
  return too_far ? Access::kTooFarAhead : Access::kAllowed;
}

/// Is a signature what decides?
bool rests_on_signature(const AccessQuestion& q) { return !q.token.empty() && !q.header && q.route.is_signed(); }

uint64_t hash_of(const Route& route) {
  std::string text(route.id);
  text.append("\n").append(std::to_string(route.port)).append("\n").append(route.expires).append(route.signature);
  return std::hash<std::string>{}(text) | 1;  // 0 is a free place
}

policy::Rate per_minute(unsigned count) { return {count / 60.0, static_cast<double>(count)}; }

}  // namespace

std::string_view message_of(Access access) {
  switch (access) {
    case Access::kAllowed:
      return {};
    case Access::kHeaderMismatch:
      return "signature: secure access header mismatch";
    case Access::kSignatureRequired:
      return "signature: signature required for this sandbox";
    case Access::kNotConfigured:
      return "signature: ingress verifier not configured";
    case Access::kExpired:
      return "signature: access expired";
    case Access::kUnknownKey:
      return "signature: unauthorized: unknown signed_key_id";
    case Access::kSignatureMismatch:
      return "signature: unauthorized: signature mismatch";
    case Access::kTooFarAhead:
      return "signature: unauthorized: valid for more than 24 hours";
    case Access::kStrongRequired:
      return "signature: unauthorized: a strong signature is required";
    case Access::kThrottled:
      return "signature: too many refused signatures from this address";
  }
  return "signature: unauthorized";
}

std::string_view reason_of(Access access) {
  switch (access) {
    case Access::kAllowed:
      return {};
    case Access::kHeaderMismatch:
      return "secure_access_mismatch";
    case Access::kSignatureRequired:
      return "signature_required";
    case Access::kNotConfigured:
      return "verifier_not_configured";
    case Access::kExpired:
      return "access_expired";
    case Access::kUnknownKey:
      return "unknown_key";
    case Access::kSignatureMismatch:
      return "signature_mismatch";
    case Access::kTooFarAhead:
      return "access_too_long";
    case Access::kStrongRequired:
      return "strong_signature_required";
    case Access::kThrottled:
      return "rate_limited";
  }
  return "unauthorized";
}

Access decide_access(const AccessQuestion& q) {
  if (q.token.empty()) return Access::kAllowed;
  if (q.header) {
    const bool equal = crypto::equal_constant_time(trim_blanks(*q.header), q.token.reveal());
    return equal ? Access::kAllowed : Access::kHeaderMismatch;
  }
  return q.route.is_signed() ? check_signature(q) : Access::kSignatureRequired;
}

Access SignatureGuard::decide(const AccessQuestion& q, const SignatureLimits& limits, std::string_view source,
                              MonoTime now) {
  if (!rests_on_signature(q) || q.keys == nullptr) return decide_access(q);
  const policy::Rate attempts = per_minute(limits.attempts_max);
  const uint64_t hash = hash_of(q.route);
  std::atomic<uint64_t>& place = good_[hash / 2 % kRemembered];
  const bool was_good = place.load(std::memory_order_relaxed) == hash;
  if (!was_good && !attempts_.look(source, attempts, now).ok) return Access::kThrottled;
  const Access access = decide_access(q);
  if (access == Access::kAllowed) {
    if (!was_good) place.store(hash, std::memory_order_relaxed);
    return access;
  }
  // What cannot be guessed better by trying again is not counted.
  if (access != Access::kSignatureMismatch && access != Access::kUnknownKey) return access;
  attempts_.take(source, attempts, now);
  const policy::Rate refusals = per_minute(std::max(limits.refusals_max, 100U));
  return refusals_.take(source, refusals, now).ok ? access : Access::kThrottled;
}

}  // namespace sandgate::front::opensandbox
