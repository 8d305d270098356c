// Lists and watches of the API server.
#include <algorithm>

#include "base/strings.h"
#include "devcluster/api_server.h"
#include "devcluster/conversion.h"
#include "devcluster/table.h"

namespace sandgate::devcluster {
namespace {

constexpr size_t kOnePieceMax = 1024 * 1024;
constexpr size_t kPieceSize = 64 * 1024;

/// A list too long to be built in one piece.
class ListSource final : public BodySource {
 public:
  ListSource(const ResourceType& type, std::string version, std::string head, std::vector<ObjectPtr> objects)
      : type_(type), version_(std::move(version)), head_(std::move(head)), objects_(std::move(objects)) {}

  Next next(std::string& piece) override {
    if (ended_) return Next::kEnd;
    piece = std::exchange(head_, {});
    for (; at_ < objects_.size() && piece.size() < kPieceSize; ++at_) {
      if (at_ > 0) piece += ',';
      piece += item_text(type_, version_, *objects_[at_]);
      objects_[at_].reset();
    }
    if (at_ == objects_.size()) {
      piece += "]}";
      ended_ = true;
    }
    return Next::kPiece;
  }

 private:
  const ResourceType& type_;
  const std::string version_;
  std::string head_;
  std::vector<ObjectPtr> objects_;
  size_t at_ = 0;
  bool ended_ = false;
};

/// Where the next page begins. Opaque to clients; hexadecimal so that it needs no escaping.
struct Continue {
  uint64_t revision = 0;
  uint64_t seen = 0;
  std::string key;

  std::string encode() const {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (const char c : std::to_string(revision) + " " + std::to_string(seen) + " " + key) {
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    }
    return out;
  }

  static std::optional<Continue> decode(std::string_view text) {
    std::string plain;
    if (text.size() % 2 != 0) return std::nullopt;
    for (size_t i = 0; i < text.size(); i += 2) {
      int value = 0;
      const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
      if (error != std::errc{} || end != text.data() + i + 2) return std::nullopt;
      plain += static_cast<char>(value);
    }
    const size_t first = plain.find(' ');
    const size_t second = first == std::string::npos ? first : plain.find(' ', first + 1);
    if (second == std::string::npos) return std::nullopt;
    const auto revision = parse_decimal(std::string_view(plain).substr(0, first));
    const auto seen = parse_decimal(std::string_view(plain).substr(first + 1, second - first - 1));
    if (!revision || !seen) return std::nullopt;
    return Continue{*revision, *seen, plain.substr(second + 1)};
  }
};

bool field_holds(const ResourceType& type, const Stored& object, const FieldRequirement& requirement) {
  std::string value;
  if (requirement.field == "metadata.name") {
    value = object.name;
  } else if (requirement.field == "metadata.namespace") {
    value = object.ns;
  } else {
    const Json json = object.json();
    const Json* at = &json;
    std::string_view rest = requirement.field;
    while (!rest.empty() && at != nullptr) {
      const size_t end = std::min(rest.find('.'), rest.size());
      at = find(*at, {rest.substr(0, end)});
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (at != nullptr && at->is_string()) value = at->get<std::string>();
  }
  static_cast<void>(type);
  return (value == requirement.value) == requirement.equal;
}

bool field_known(const ResourceType& type, std::string_view field) {
  if (field == "metadata.name" || field == "metadata.namespace") return true;
  const auto any = [field](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), field) != names.end();
  };
  if (type.kind == "Pod") {
    return any({"spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"});
  }
  if (type.kind == "Event")
    return any({"involvedObject.name", "involvedObject.kind", "involvedObject.uid", "reason", "type"});
  if (type.kind == "Secret") return any({"type"});
  if (type.kind == "Namespace") return any({"status.phase"});
  return false;
}

}  // namespace

Answer<std::function<bool(const Stored&)>> ApiServer::selection(const Call& call) const {
  auto labels = LabelSelector::parse(call.param("labelSelector"));
  if (!labels) return tl::unexpected(labels.error());
  auto fields = parse_field_selector(call.param("fieldSelector"));
  if (!fields) return tl::unexpected(fields.error());
  const ResourceType& type = *call.route.type;
  for (const FieldRequirement& field : *fields) {
    if (!field_known(type, field.field)) {
      return tl::unexpected(bad_request("field label not supported: " + field.field));
    }
  }
  if (!call.route.name.empty()) fields->push_back({"metadata.name", call.route.name, true});
  return [labels = std::move(*labels), fields = std::move(*fields), &type](const Stored& object) {
    return labels.matches(object.labels) &&
           std::all_of(fields.begin(), fields.end(),
                       [&](const FieldRequirement& field) { return field_holds(type, object, field); });
  };
}

namespace {

std::string not_a_version(const std::string& text) {
  const std::string quoted = json_quoted(text);
  return "resourceVersion: Invalid value: " + quoted + ": strconv.ParseUint: parsing " + quoted + ": invalid syntax";
}

}  // namespace

Answer<HttpAnswer> ApiServer::list(const Call& call) {
  const Route& route = call.route;
  const auto limit_text = call.param("limit");
  const auto limit = limit_text.empty() ? std::optional<uint64_t>(0) : parse_decimal(limit_text);
  if (!limit) return tl::unexpected(bad_request("limit: Invalid value: " + json_quoted(limit_text)));
  auto wanted = selection(call);
  if (!wanted) return tl::unexpected(wanted.error());
  const std::string version_text = call.param("resourceVersion");
  const auto asked = version_text.empty() ? std::optional<uint64_t>(0) : parse_decimal(version_text);
  if (!asked) return tl::unexpected(bad_request("invalid resource version: " + not_a_version(version_text)));
  Continue from{store_.revision(), 0, ""};
  if (const std::string token = call.param("continue"); !token.empty()) {
    if (*asked > 0) {
      return tl::unexpected(bad_request("specifying resource version is not allowed when using continue"));
    }
    auto decoded = Continue::decode(token);
    if (!decoded) return tl::unexpected(bad_request("continue key is not valid"));
    from = std::move(*decoded);
  } else if (*asked > store_.revision()) {
    return tl::unexpected(version_too_large(*asked, store_.revision()));
  } else if (*asked > 0 && call.param("resourceVersionMatch") == "Exact") {
    from.revision = *asked;
  }
  auto page = store_.page(*route.type, route.ns, from.revision, from.key, *limit, *wanted);
  if (!page) {
    return tl::unexpected(expired(
        from.key.empty() ? "The resourceVersion for the provided list is too old."
                         : "The provided continue parameter is too old to display a consistent list result. You "
                           "can start a new list without the continue parameter."));
  }
  std::string meta = R"({"resourceVersion":")" + std::to_string(from.revision) + '"';
  if (!page->next_key.empty()) {
    const uint64_t seen = from.seen + page->objects.size();
    meta += R"(,"continue":")" + Continue{from.revision, seen, page->next_key}.encode() + '"';
    const bool whole = route.ns.empty() && call.param("labelSelector").empty() && call.param("fieldSelector").empty();
    if (whole && page->remaining > seen) meta += R"(,"remainingItemCount":)" + std::to_string(page->remaining - seen);
  }
  meta += '}';
  if (call.request.field("Accept").find("as=Table") != std::string_view::npos) {
    return HttpAnswer{200,
                      "application/json",
                      table_text(*route.type, route.version, page->objects, meta,
                                 call.param("includeObject") == "Object", loop_.clock().wall()),
                      {},
                      nullptr};
  }
  std::string head = R"({"kind":")" + route.type->kind + R"(List","apiVersion":")" +
                     route.type->api_version(route.version) + R"(","metadata":)" + meta + R"(,"items":[)";
  size_t size = head.size();
  for (const ObjectPtr& object : page->objects) size += object->text.size() + 100;
  HttpAnswer answer;
  auto source = std::make_unique<ListSource>(*route.type, route.version, std::move(head), std::move(page->objects));
  if (size > kOnePieceMax) {
    answer.source = std::move(source);
    return answer;
  }
  answer.body.reserve(size);
  for (std::string piece; source->next(piece) == BodySource::Next::kPiece; piece.clear()) answer.body += piece;
  return answer;
}

Answer<HttpAnswer> ApiServer::watch(const Call& call) {
  const Route& route = call.route;
  auto wanted = selection(call);
  if (!wanted) return tl::unexpected(wanted.error());
  const std::string version_text = call.param("resourceVersion");
  const auto asked = version_text.empty() ? std::optional<uint64_t>(0) : parse_decimal(version_text);
  if (!asked) return tl::unexpected(ApiError{500, "", not_a_version(version_text)});  // yes, 500: so does Kubernetes
  WatchRequest watch;
  watch.type = route.type;
  watch.version = route.version;
  watch.ns = route.ns;
  watch.wanted = std::move(*wanted);
  watch.from_revision = *asked;
  watch.initial = *asked == 0;
  watch.bookmarks = call.flag("allowWatchBookmarks");
  watch.as_table = call.request.field("Accept").find("as=Table") != std::string_view::npos;
  watch.bookmark_every = options_.bookmark_every;
  watch.time_limit = options_.watch_time_max;
  if (const std::string text = call.param("timeoutSeconds"); !text.empty()) {
    const auto seconds = parse_decimal(text);
    if (!seconds) return tl::unexpected(bad_request("timeoutSeconds: Invalid value: " + json_quoted(text)));
    if (*seconds > 0) watch.time_limit = Seconds(std::min<uint64_t>(*seconds, 7 * 24 * 3600));
  }
  const std::string initial = call.param("sendInitialEvents");
  const std::string match = call.param("resourceVersionMatch");
  if (!initial.empty()) {
    const bool proper = match == "NotOlderThan" && watch.bookmarks;
    if (options_.streaming_lists == StreamingLists::kOff || !proper) {
      ApiError refused{
          422, "Invalid",
          "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: " +
              std::string(proper ? "sendInitialEvents is forbidden for watch unless the WatchList feature gate "
                                   "is enabled"
                                 : "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan "
                                   "and allowWatchBookmarks")};
      refused.group = "meta.k8s.io";
      refused.kind = "ListOptions";
      refused.causes.push_back({"FieldValueForbidden", "Forbidden", "sendInitialEvents"});
      return tl::unexpected(std::move(refused));
    }
    watch.initial = call.flag("sendInitialEvents");
    watch.initial_end_marked = watch.initial;
    if (options_.streaming_lists == StreamingLists::kError && watch.initial) {
      ApiError error{500, "InternalError", "etcd event received with PrevKv=nil"};
      HttpAnswer answer;
      answer.body = R"({"type":"ERROR","object":)" + status_text(error) + "}\n";
      return answer;
    }
  } else if (!match.empty()) {
    ApiError refused{
        422, "Invalid",
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is "
        "forbidden for watch unless sendInitialEvents is provided"};
    refused.causes.push_back({"FieldValueForbidden", "Forbidden", "resourceVersionMatch"});
    return tl::unexpected(std::move(refused));
  }
  if (!watch.initial && options_.gone_by_status && !store_.position_after(*route.type, *asked)) {
    return tl::unexpected(expired("too old resource version: " + version_text + " (" +
                                  std::to_string(store_.compacted(*route.type)) + ")"));
  }
  HttpAnswer answer;
  answer.source = std::make_unique<WatchSource>(watches_, loop_, std::move(watch));
  return answer;
}

}  // namespace sandgate::devcluster
