#include "devcluster/conversion.h"

namespace sandgate::devcluster {
namespace {

bool differs(const ResourceType& type, std::string_view version) {
  return version == "v1alpha1" && type.kind == "Sandbox" && type.stored_version != version;
}

std::string with_type(const ResourceType& type, std::string_view version, const std::string& text) {
  std::string out = R"({"apiVersion":")" + type.api_version(version) + R"(","kind":")" + type.kind + '"';
  if (text != "{}") out += ',';
  out.append(text, 1);
  return out;
}

}  // namespace

void to_version(const ResourceType& type, std::string_view version, Json& object) {
  if (!differs(type, version)) return;
  if (Json* spec = find_to_edit(object, {"spec"}); spec != nullptr && spec->is_object()) {
    (*spec)["replicas"] = text_at(*spec, {"operatingMode"}) == "Suspended" ? 0 : 1;
    spec->erase("operatingMode");
  }
  if (Json* status = find_to_edit(object, {"status"}); status != nullptr && status->is_object()) {
    (*status)["replicas"] = array_at(*status, {"podIPs"}).empty() ? 0 : 1;
    status->erase("nodeName");
  }
}

void from_version(const ResourceType& type, std::string_view version, Json& object) {
  if (!differs(type, version)) return;
  if (Json* spec = find_to_edit(object, {"spec"}); spec != nullptr && spec->is_object()) {
    if (const auto replicas = number_at(*spec, {"replicas"})) {
      (*spec)["operatingMode"] = *replicas == 0 ? "Suspended" : "Running";
    }
    spec->erase("replicas");
  }
  if (Json* status = find_to_edit(object, {"status"}); status != nullptr && status->is_object())
    status->erase("replicas");
}

std::string object_text(const ResourceType& type, std::string_view version, const Stored& object) {
  if (!differs(type, version)) return with_type(type, version, object.text);
  Json converted = object.json();
  to_version(type, version, converted);
  return with_type(type, version, dump(converted));
}

std::string item_text(const ResourceType& type, std::string_view version, const Stored& object) {
  return type.custom ? object_text(type, version, object) : object.text;
}

}  // namespace sandgate::devcluster
