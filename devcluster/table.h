// What `kubectl get` prints: objects as a meta.k8s.io/v1 Table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "devcluster/store.h"

namespace sandgate::devcluster {

/// `list_meta`: the list's metadata as JSON text. `whole`: rows carry the whole objects, not only their metadata.
std::string table_text(const ResourceType& type, std::string_view version, const std::vector<ObjectPtr>& objects,
                       std::string_view list_meta, bool whole, WallTime now);

/// `47s`, `5m12s`, `3h`, `12d` as kubectl writes ages.
std::string human_age(Seconds age);

}  // namespace sandgate::devcluster
