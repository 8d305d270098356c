#include "objects.h"

namespace sandgate::simulation {
namespace {

std::string metadata(const std::string& name, const std::string& uid, bool deleting, const std::string& more) {
  return std::string(kObjectBegin) + R"("namespace":"default","name":")" + name + R"(","uid":")" + uid +
         R"(","creationTimestamp":"2026-01-01T00:00:00Z")" +
         (deleting ? R"(,"deletionTimestamp":"2026-01-01T01:00:00Z")" : "") + more + "}";
}

std::string ready_condition(bool ready, const char* reason) {
  return std::string(R"("conditions":[{"type":"Ready","status":")") + (ready ? "True" : "False") + R"(","reason":")" +
         reason + R"("}])";
}

}  // namespace

std::string to_json(const SandboxFacts& facts) {
  const char* reason = facts.suspended ? "SandboxSuspended" : facts.ready ? "Ready" : "DependenciesNotReady";
  return metadata(facts.name, facts.uid, facts.deleting, "") + R"(,"status":{"podIPs":[)" +
         (facts.address.empty() ? "" : "\"" + facts.address + "\"") + "]," +
         ready_condition(facts.ready && !facts.suspended, reason) + "}}";
}

std::string to_json(const PodFacts& facts) {
  const std::string owner =
      R"(,"ownerReferences":[{"apiVersion":"agents.x-k8s.io/v1","kind":"Sandbox","controller":true,"uid":")" +
      facts.owner_uid + "\"}]";
  const std::string address = facts.address.empty() ? "" : R"({"ip":")" + facts.address + "\"}";
  return metadata(facts.name, facts.uid, facts.deleting, owner) + R"(,"status":{"phase":"Running","podIPs":[)" +
         address + "]," + ready_condition(facts.ready, "Ready") + "}}";
}

}  // namespace sandgate::simulation
