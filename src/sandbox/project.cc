#include "sandbox/project.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/strings.h"

namespace sandgate::sandbox {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

/// The string at `pointer` (RFC 6901), or empty: absent and of another type are the same to us.
std::string_view text_at(const element& from, std::string_view pointer) {
  std::string_view out;
  return from.at_pointer(pointer).get(out) == simdjson::SUCCESS ? out : std::string_view();
}

std::string_view member(const element& from, std::string_view key) {
  std::string_view out;
  return from[key].get(out) == simdjson::SUCCESS ? out : std::string_view();
}

int32_t number_at(const element& from, std::string_view pointer, int32_t otherwise) {
  int64_t out = 0;
  if (from.at_pointer(pointer).get(out) != simdjson::SUCCESS) return otherwise;
  return static_cast<int32_t>(std::clamp<int64_t>(out, INT32_MIN, INT32_MAX));
}

/// A value of metadata.labels or metadata.annotations, whose keys hold slashes that a pointer would trip over.
std::string_view meta_value(const element& from, std::string_view map, std::string_view key) {
  std::string_view out;
  return from["metadata"][map][key].get(out) == simdjson::SUCCESS ? out : std::string_view();
}

bool has_key(const element& from, std::string_view map, std::string_view key) {
  return from["metadata"][map][key].error() == simdjson::SUCCESS;
}

std::optional<element> condition(const element& from, std::string_view type) {
  array conditions;
  if (from["status"]["conditions"].get(conditions) != simdjson::SUCCESS) return std::nullopt;
  for (const element each : conditions) {
    if (member(each, "type") == type) return each;
  }
  return std::nullopt;
}

Result<ObjectName> name_of(const element& from) {
  ObjectName out;
  out.ns = text_at(from, "/metadata/namespace");
  out.name = text_at(from, "/metadata/name");
  out.uid = text_at(from, "/metadata/uid");
  constexpr size_t kNameMax = 253;
  if (out.name.empty() || out.name.size() > kNameMax) return fail("metadata.name must have 1 to 253 bytes");
  if (out.ns.empty() || out.ns.size() > kNameMax)
    return fail(out.name + ": metadata.namespace must have 1 to 253 bytes");
  if (out.uid.empty()) return fail(out.ns + "/" + out.name + ": metadata.uid is missing");
  return out;
}

void add_address(std::vector<IpAddress>& to, std::string_view text) {
  if (const auto address = IpAddress::parse(text)) to.push_back(*address);
}

/// status.podIPs is a list of strings in a Sandbox, of {"ip": …} in a Pod.
std::vector<IpAddress> addresses_at(const element& from, std::string_view key) {
  std::vector<IpAddress> out;
  array list;
  if (from["status"][key].get(list) != simdjson::SUCCESS) return out;
  for (const element each : list) {
    std::string_view text;
    if (each.get(text) != simdjson::SUCCESS) text = member(each, "ip");
    add_address(out, text);
  }
  return out;
}

State state_of(const element& from, const SandboxRecord& record, bool ready) {
  if (from["metadata"]["deletionTimestamp"].error() == simdjson::SUCCESS) return State::kDeleting;
  if (ready) return State::kReady;
  if (record.reason == "SandboxSuspended" || text_at(from, "/spec/operatingMode") == "Suspended" ||
      number_at(from, "/spec/replicas", 1) == 0) {
    return State::kSuspended;
  }
  for (const std::string_view over : {"PodSucceeded", "PodFailed", "SandboxExpired"}) {
    if (record.reason == over) return State::kFinished;
  }
  return State::kStarting;
}

std::optional<uint16_t> port_of(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

class Projector::Parser {
 public:
  Result<element> parse(std::string_view json) {
    element out;
    const auto error = parser_.parse(json.data(), json.size()).get(out);
    if (error != simdjson::SUCCESS) return fail(std::string("no JSON: ") + simdjson::error_message(error));
    object map;
    if (out.get(map) != simdjson::SUCCESS) return fail("no JSON object");
    return out;
  }
  /// A second document while the first is in use.
  simdjson::dom::parser inner;

 private:
  simdjson::dom::parser parser_;
};

Projector::Projector(ProjectOptions options) : options_(std::move(options)), parser_(std::make_unique<Parser>()) {}
Projector::~Projector() = default;

Result<ObjectName> Projector::name(std::string_view json) {
  const auto from = parser_->parse(json);
  if (!from) return tl::unexpected<Error>(from.error());
  return name_of(*from);
}

Result<SandboxObject> Projector::sandbox(std::string_view json) {
  const auto from = parser_->parse(json);
  if (!from) return tl::unexpected<Error>(from.error());
  auto name = name_of(*from);
  if (!name) return tl::unexpected<Error>(name.error());

  SandboxObject out;
  SandboxRecord& record = out.record;
  record.ns = std::move(name->ns);
  record.id = std::move(name->name);
  record.uid = record.pool_uid = std::move(name->uid);
  record.created_s = parse_timestamp(text_at(*from, "/metadata/creationTimestamp"));
  record.user = meta_value(*from, "labels", options_.user_label);
  if (record.user.empty()) record.user = "default";
  record.warm = has_key(*from, "labels", kWarmPoolLabel);
  record.access_token = Secret(std::string(trim_blanks(meta_value(*from, "annotations", kAccessTokenAnnotation))));
  record.service = text_at(*from, "/status/service");
  record.service_fqdn = text_at(*from, "/status/serviceFQDN");
  record.addresses = addresses_at(*from, "podIPs");
  if (!record.addresses.empty()) record.address = record.addresses.front();
  const auto ready = condition(*from, "Ready");
  const bool is_ready = ready && member(*ready, "status") == "True";
  if (ready && !is_ready) {
    record.reason = member(*ready, "reason");
    record.message = member(*ready, "message");
  }
  if (!ready) {
    array conditions;
    const bool some = (*from)["status"]["conditions"].get(conditions) == simdjson::SUCCESS && conditions.size() > 0;
    record.reason = some ? "ReadyConditionMissing" : "NoConditions";
    record.message = some ? "ready condition missing" : "no sandbox conditions reported";
  }
  object status;
  record.has_status = (*from)["status"].get(status) == simdjson::SUCCESS && status.size() > 0;
  record.state = state_of(*from, record, is_ready);
  out.pod_name = meta_value(*from, "annotations", kPodNameAnnotation);
  if (out.pod_name.empty()) out.pod_name = record.id;
  if (options_.port_annotation && has_key(*from, "annotations", kPortAnnotation)) {
    const std::string_view text = meta_value(*from, "annotations", kPortAnnotation);
    const auto port = port_of(text);
    if (port) record.port = *port;
    if (!port) out.bad_port = text.substr(0, 64);
  }
  return out;
}

Result<SandboxRecord> Projector::batch_sandbox(std::string_view json) {
  const auto from = parser_->parse(json);
  if (!from) return tl::unexpected<Error>(from.error());
  auto name = name_of(*from);
  if (!name) return tl::unexpected<Error>(name.error());

  SandboxRecord record;
  record.kind = Kind::kBatchSandbox;
  record.ns = std::move(name->ns);
  record.id = std::move(name->name);
  record.uid = record.pool_uid = std::move(name->uid);
  record.created_s = parse_timestamp(text_at(*from, "/metadata/creationTimestamp"));
  record.access_token = Secret(std::string(trim_blanks(meta_value(*from, "annotations", kAccessTokenAnnotation))));
  record.replicas = number_at(*from, "/status/replicas", 0);
  record.ready_replicas = number_at(*from, "/status/ready", 0);

  object annotations;
  const bool has_annotations =
      (*from)["metadata"]["annotations"].get(annotations) == simdjson::SUCCESS && annotations.size() > 0;
  const std::string_view endpoints = meta_value(*from, "annotations", kEndpointsAnnotation);
  if (!has_annotations) {
    record.endpoint_problem = "BatchSandbox has no annotations";
  } else if (endpoints.empty()) {
    record.endpoint_problem = std::string("missing ").append(kEndpointsAnnotation).append(" annotation");
  } else {
    const std::string text(endpoints);
    array list;
    const auto error = parser_->inner.parse(text).get(list);
    std::string_view first;
    if (error != simdjson::SUCCESS) {
      record.endpoint_problem = std::string("failed to parse endpoints annotation: ") + simdjson::error_message(error);
    } else if (list.size() == 0) {
      record.endpoint_problem = "endpoints annotation contains no IPs";
    } else if (list.at(0).get(first) != simdjson::SUCCESS) {
      record.endpoint_problem = "failed to parse endpoints annotation: its entries must be strings";
    } else if (const auto address = IpAddress::parse(first)) {
      record.address = *address;  // always the first: the product does not balance
      record.addresses.push_back(*address);
    } else {
      record.endpoint_problem = "endpoints annotation begins with an entry that is no IP address";
    }
  }
  const bool deleting = (*from)["metadata"]["deletionTimestamp"].error() == simdjson::SUCCESS;
  const bool up = record.ready_replicas >= 1 && record.address.has_value();
  record.state = up ? State::kReady : deleting ? State::kDeleting : State::kStarting;
  return record;
}

Result<PodObject> Projector::pod(std::string_view json) {
  const auto from = parser_->parse(json);
  if (!from) return tl::unexpected<Error>(from.error());
  auto name = name_of(*from);
  if (!name) return tl::unexpected<Error>(name.error());
  PodObject out;
  out.ns = std::move(name->ns);
  out.name = std::move(name->name);
  out.uid = std::move(name->uid);
  out.created_s = parse_timestamp(text_at(*from, "/metadata/creationTimestamp"));
  array owners;
  if ((*from)["metadata"]["ownerReferences"].get(owners) == simdjson::SUCCESS) {
    for (const element owner : owners) {
      bool controller = false;
      if (owner["controller"].get(controller) != simdjson::SUCCESS || !controller) continue;
      const std::string_view version = member(owner, "apiVersion");
      if (member(owner, "kind") == "Sandbox" && version.substr(0, version.find('/')) == kAgentsGroup) {
        out.owner_uid = member(owner, "uid");
      }
    }
  }
  out.addresses = addresses_at(*from, "podIPs");
  if (out.addresses.empty()) add_address(out.addresses, text_at(*from, "/status/podIP"));
  const auto ready = condition(*from, "Ready");
  out.ready = text_at(*from, "/status/phase") == "Running" && ready && member(*ready, "status") == "True" &&
              (*from)["metadata"]["deletionTimestamp"].error() != simdjson::SUCCESS;
  return out;
}

int64_t parse_timestamp(std::string_view text) {
  // 2026-11-21T13:05:09Z, with a fraction at most before the Z.
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() <= kForm.size() || text.back() != 'Z') return 0;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '0' ? !is_digit(text[i]) : text[i] != kForm[i]) return 0;
  }
  const auto number = [&](size_t at, size_t size) {
    int64_t value = 0;
    for (const char c : text.substr(at, size)) value = value * 10 + (c - '0');
    return value;
  };
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(number(0, 4))),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!date.ok()) return 0;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  return std::chrono::seconds(days).count() + number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
}

}  // namespace sandgate::sandbox
