#include "devcluster/protobuf.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "crypto/crypto.h"

namespace sandgate::devcluster {
namespace {

constexpr std::string_view kMagic("k8s\0", 4);

enum class Form : uint8_t { kText, kNumber, kFlag, kMessage, kTexts, kTextMap, kBytesMap, kIgnored };

/// One field of a message and the member it becomes.
struct Field {
  uint32_t number;
  const char* name;
  Form form;
  std::span<const Field> inside{};  // of kMessage
};

// Numbers: generated.proto of meta/v1, core/v1, authorization/v1 and authentication/v1.
constexpr Field kMetadata[] = {{1, "name", Form::kText},
                               {2, "generateName", Form::kText},
                               {3, "namespace", Form::kText},
                               {5, "uid", Form::kText},
                               {6, "resourceVersion", Form::kText},
                               {11, "labels", Form::kTextMap},
                               {12, "annotations", Form::kTextMap},
                               {14, "finalizers", Form::kTexts}};
constexpr Field kNamespace[] = {{1, "metadata", Form::kMessage, kMetadata}, {3, "status", Form::kIgnored}};
constexpr Field kSecret[] = {{1, "metadata", Form::kMessage, kMetadata},
                             {2, "data", Form::kBytesMap},
                             {3, "type", Form::kText},
                             {4, "stringData", Form::kTextMap},
                             {5, "immutable", Form::kFlag}};
constexpr Field kConfigMap[] = {{1, "metadata", Form::kMessage, kMetadata},
                                {2, "data", Form::kTextMap},
                                {3, "binaryData", Form::kBytesMap},
                                {4, "immutable", Form::kFlag}};
constexpr Field kServiceAccount[] = {{1, "metadata", Form::kMessage, kMetadata},
                                     {4, "automountServiceAccountToken", Form::kFlag}};
constexpr Field kResourceAttributes[] = {{1, "namespace", Form::kText}, {2, "verb", Form::kText},
                                         {3, "group", Form::kText},     {4, "version", Form::kText},
                                         {5, "resource", Form::kText},  {6, "subresource", Form::kText},
                                         {7, "name", Form::kText}};
constexpr Field kPathAttributes[] = {{1, "path", Form::kText}, {2, "verb", Form::kText}};
constexpr Field kAccessQuestion[] = {{1, "resourceAttributes", Form::kMessage, kResourceAttributes},
                                     {2, "nonResourceAttributes", Form::kMessage, kPathAttributes}};
constexpr Field kAccessReview[] = {{1, "metadata", Form::kMessage, kMetadata},
                                   {2, "spec", Form::kMessage, kAccessQuestion},
                                   {3, "status", Form::kIgnored}};
constexpr Field kTokenWish[] = {{1, "audiences", Form::kTexts}, {4, "expirationSeconds", Form::kNumber}};
constexpr Field kTokenRequest[] = {
    {1, "metadata", Form::kMessage, kMetadata}, {2, "spec", Form::kMessage, kTokenWish}, {3, "status", Form::kIgnored}};
constexpr Field kDeletion[] = {{1, "gracePeriodSeconds", Form::kNumber},
                               {3, "orphanDependents", Form::kFlag},
                               {4, "propagationPolicy", Form::kText},
                               {5, "dryRun", Form::kTexts}};

struct Kind {
  const char* name;
  std::span<const Field> fields;
};
constexpr Kind kKinds[] = {{"Namespace", kNamespace},
                           {"Secret", kSecret},
                           {"ConfigMap", kConfigMap},
                           {"ServiceAccount", kServiceAccount},
                           {"SelfSubjectAccessReview", kAccessReview},
                           {"TokenRequest", kTokenRequest},
                           {"DeleteOptions", kDeletion}};

/// One field as it stands on the wire.
struct Item {
  uint32_t number = 0;
  uint64_t value = 0;      // of a varint
  std::string_view bytes;  // of a length-delimited field
  bool is_bytes = false;
};

/// The fields of one message, in order.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  /// Nothing at the end and where the bytes are broken.
  std::optional<Item> next() {
    if (rest_.empty() || broken_) return std::nullopt;
    const auto tag = varint();
    Item item;
    if (!tag || (*tag >> 3) == 0 || (*tag >> 3) > UINT32_MAX) return fail();
    item.number = static_cast<uint32_t>(*tag >> 3);
    const auto value = varint();
    if (!value) return fail();
    if ((*tag & 7) == 0) {
      item.value = *value;
      return item;
    }
    if ((*tag & 7) != 2 || *value > rest_.size()) return fail();  // no fixed-width field is in any of these messages
    item.is_bytes = true;
    item.bytes = rest_.substr(0, static_cast<size_t>(*value));
    rest_.remove_prefix(item.bytes.size());
    return item;
  }

  bool broken() const { return broken_; }

 private:
  std::optional<Item> fail() {
    broken_ = true;
    return std::nullopt;
  }

  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return std::nullopt;
  }

  std::string_view rest_;
  bool broken_ = false;
};

ApiError broken_bytes() { return bad_request("the object provided is unrecognized: broken protobuf"); }

ApiError not_known(const std::string& what) {
  return unsupported_media_type(
      "the body of the request was in an unknown format - of application/vnd.kubernetes.protobuf " + what +
      " is not known here; accepted media types include: application/json");
}

std::string base64_of(std::string_view bytes) {
  return crypto::base64_encode({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

/// One entry of a map: key 1, value 2.
Answer<void> add_entry(std::string_view bytes, bool binary, Json& map) {
  Reader reader(bytes);
  std::string key;
  std::string_view value;
  while (const auto item = reader.next()) {
    if (!item->is_bytes) return tl::unexpected(broken_bytes());
    if (item->number == 1) key = std::string(item->bytes);
    if (item->number == 2) value = item->bytes;
  }
  if (reader.broken()) return tl::unexpected(broken_bytes());
  map[key] = binary ? base64_of(value) : std::string(value);
  return {};
}

Answer<Json> read_message(std::string_view bytes, std::span<const Field> fields, const std::string& where);

Answer<void> add_member(const Field& field, const Item& item, const std::string& where, Json& object) {
  if (field.form == Form::kIgnored) return {};  // a status is the server's to say
  const bool scalar = field.form == Form::kNumber || field.form == Form::kFlag;
  if (item.is_bytes == scalar) return tl::unexpected(broken_bytes());
  switch (field.form) {
    case Form::kText:
      object[field.name] = std::string(item.bytes);
      return {};
    case Form::kNumber:
      object[field.name] = static_cast<int64_t>(item.value);
      return {};
    case Form::kFlag:
      object[field.name] = item.value != 0;
      return {};
    case Form::kTexts:
      object[field.name].push_back(std::string(item.bytes));
      return {};
    case Form::kTextMap:
      return add_entry(item.bytes, false, object[field.name]);
    case Form::kBytesMap:
      return add_entry(item.bytes, true, object[field.name]);
    case Form::kIgnored:
    case Form::kMessage:
      break;
  }
  auto inside = read_message(item.bytes, field.inside, where + "." + field.name);
  if (!inside) return tl::unexpected(inside.error());
  object[field.name] = std::move(*inside);
  return {};
}

/// As deep as the tables are.
Answer<Json> read_message(std::string_view bytes, std::span<const Field> fields, const std::string& where) {
  Json object = Json::object();
  Reader reader(bytes);
  while (const auto item = reader.next()) {
    const Field* field = nullptr;
    for (const Field& one : fields) {
      if (one.number == item->number) field = &one;
    }
    if (field != nullptr) {
      if (auto added = add_member(*field, *item, where, object); !added) return tl::unexpected(added.error());
    } else if (!item->bytes.empty() ||
               item->value != 0) {  // empty ones are written by habit: status, creationTimestamp
      return tl::unexpected(not_known("field " + std::to_string(item->number) + " of " + where));
    }
  }
  if (reader.broken()) return tl::unexpected(broken_bytes());
  return object;
}

}  // namespace

Answer<Json> object_from_protobuf(std::string_view body) {
  if (!body.starts_with(kMagic)) return tl::unexpected(broken_bytes());
  std::string_view type;
  std::string_view raw;
  Reader reader(body.substr(kMagic.size()));
  while (const auto item = reader.next()) {
    if (item->number == 1 && item->is_bytes) type = item->bytes;
    if (item->number == 2 && item->is_bytes) raw = item->bytes;
  }
  std::string api_version;
  std::string kind;
  Reader names(type);
  while (const auto item = names.next()) {
    if (item->number == 1) api_version = std::string(item->bytes);
    if (item->number == 2) kind = std::string(item->bytes);
  }
  if (reader.broken() || names.broken()) return tl::unexpected(broken_bytes());
  for (const Kind& known : kKinds) {
    if (kind != known.name) continue;
    auto object = read_message(raw, known.fields, kind);
    if (!object) return object;
    (*object)["apiVersion"] = api_version;
    (*object)["kind"] = kind;
    return object;
  }
  return tl::unexpected(not_known("the kind " + json_quoted(kind)));
}

}  // namespace sandgate::devcluster
