// What a claim's or sandbox's status says (contract client 3.4): values in, a verdict out.
#pragma once

#include <optional>
#include <sandgate/options.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "client/json.h"

namespace sandgate::client {

struct Pending {};

/// What a claim has told: the sandbox it got.
struct Bound {
  std::string sandbox;
  std::optional<std::string> pod_ip;
};

using Verdict = std::variant<Pending, Bound, Error>;

/// `pinned_uid`: not empty for claims with a given name; another UID or a deletion is an Error. `name_only`: attach,
/// which does not wait for Ready.
Verdict judge_claim(const Json& claim, std::string_view pinned_uid, bool name_only);

/// The same for a Sandbox that was made without a claim.
Verdict judge_sandbox(const Json& sandbox);

/// The condition of this type, unless it is older than the object's generation.
const Json* condition_of(const Json& object, std::string_view type);

Status status_of(const Json& sandbox);

/// "Ready=False SandboxNotReady (pulling image)": the last conditions, for messages about time-outs.
std::string spoken_conditions(const Json& object);

}  // namespace sandgate::client
