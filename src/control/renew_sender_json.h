// The text of one renew intent as the consumer reads it (contract opensandbox-ingress 6).
#pragma once

#include <string>

#include "base/clock.h"
#include "control/renew_sender.h"

namespace sandgate::control {

/// RFC 3339 in UTC with nanoseconds, without trailing zeros: `2026-11-21T08:30:37.067533853Z`, `...:37Z`.
void append_rfc3339_nanos(std::string& out, WallTime time);

/// `{"sandbox_id":...,"observed_at":...,"port":...,"request_uri":...}`; no `request_uri` when that is empty. In texts
/// `<`, `>`, `&`, U+2028 and U+2029 are escaped beside what JSON wants, and bytes that are not UTF-8 become `\ufffd`.
std::string renew_intent_json(const RenewIntent& intent);

}  // namespace sandgate::control
