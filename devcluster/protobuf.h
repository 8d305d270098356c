// The protobuf form of the few built-in objects that kubectl sends so: what `kubectl create namespace|secret|configmap|
// serviceaccount|token` and `kubectl auth can-i` make. Everything else it sends is JSON (custom kinds always are).
// Pure; safe on any bytes.
#pragma once

#include <string_view>

#include "devcluster/json.h"
#include "devcluster/status.h"

namespace sandgate::devcluster {

/// The object in `body`: four bytes "k8s\0", then runtime.Unknown with its apiVersion, kind and content
/// (apimachinery runtime/generated.proto). A kind or a field that is not known here is 415, broken bytes are 400.
Answer<Json> object_from_protobuf(std::string_view body);

}  // namespace sandgate::devcluster
