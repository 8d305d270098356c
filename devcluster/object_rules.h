// What each kind asks of its objects, and what it fills in.
#pragma once

#include <string>
#include <string_view>

#include "devcluster/json.h"
#include "devcluster/resources.h"
#include "devcluster/status.h"

namespace sandgate::devcluster {

/// An object with a metadata object, its labels and annotations texts, apiVersion and kind (where given) those of the
/// type.
Answer<void> check_shape(const ResourceType& type, const Json& body);
/// What a body that is sent to `version` must say of itself. Kinds of a CRD have no default for it.
Answer<void> check_type(const ResourceType& type, std::string_view version, const Json& body);
Answer<void> check_name(const ResourceType& type, std::string_view name);
/// The fields this kind cannot do without.
Answer<void> check_content(const ResourceType& type, const Json& body);
/// Of a Pod, from what its containers ask for: Guaranteed, Burstable or BestEffort.
std::string qos_class(const Json& pod);
/// The parts of a status that stay as they are from the creation on: a change is refused, an omission filled in.
Answer<void> check_status(const ResourceType& type, const Json& before, Json& body);
/// What a client may leave out. `now` is for the conditions of definitions.
void set_defaults(const ResourceType& type, Json& body, const std::string& now);

}  // namespace sandgate::devcluster
