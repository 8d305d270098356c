// One object in the versions of its kind. Stored is what controllers see; only Sandbox differs between versions
// (contract sandbox-router 7.2: v1alpha1 counts replicas where v1beta1 names an operating mode).
#pragma once

#include <string>
#include <string_view>

#include "devcluster/json.h"
#include "devcluster/store.h"

namespace sandgate::devcluster {

/// From the stored version to `version`.
void to_version(const ResourceType& type, std::string_view version, Json& object);
/// From `version` to the stored one.
void from_version(const ResourceType& type, std::string_view version, Json& object);

/// The object as it is sent: with apiVersion and kind of `version`.
std::string object_text(const ResourceType& type, std::string_view version, const Stored& object);
/// The object as an item of a list: what is built in has no apiVersion and kind there.
std::string item_text(const ResourceType& type, std::string_view version, const Stored& object);

}  // namespace sandgate::devcluster
