// From nothing to a ready sandbox and back: create, attach, list, delete, suspend, resume (contract client 3). Every
// function is one call of the public interface.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cluster.h"
#include "client/runtime.h"
#include "client/state.h"

namespace sandgate::client {

using ClientPtr = std::shared_ptr<ClientState>;

struct Source {
  enum Kind : uint8_t { kPool, kTemplate } kind = kPool;
  std::string name;
};

Task<Result<SandboxPtr>> create_sandbox(ClientPtr client, Source source, CreateOptions options, Caller* caller);
Task<Result<SandboxPtr>> attach_sandbox(ClientPtr client, std::string claim, std::string ns, CallOptions options,
                                        Caller* caller);
Task<Result<std::vector<std::string>>> list_claims(ClientPtr client, std::string ns, std::string selector,
                                                   CallOptions options, Caller* caller);
Task<Result<void>> delete_claim(ClientPtr client, std::string claim, std::string ns, CallOptions options,
                                Caller* caller);
Task<Result<void>> terminate_sandbox(SandboxPtr sandbox, CallOptions options, Caller* caller);
Task<std::vector<Error>> terminate_all(ClientPtr client);

Task<Result<Status>> sandbox_status(SandboxPtr sandbox, CallOptions options, Caller* caller);
Task<Result<std::optional<std::string>>> sandbox_pod_ip(SandboxPtr sandbox, CallOptions options, Caller* caller);
Task<Result<std::string>> sandbox_pod_name(SandboxPtr sandbox, CallOptions options, Caller* caller);
/// PATCHes the operating mode and waits at most `wait` for the cluster (0: not at all).
Task<Result<void>> set_running(SandboxPtr sandbox, bool running, Millis wait, CallOptions options, Caller* caller);

// The bodies, as values.
/// What a claim asks for: a pool by v1beta1; a template, with a pool's name as policy, by v1alpha1.
struct ClaimSource {
  std::string warm_pool, template_name;
};
Json claim_body(const std::string& api_version, const ClaimSource& source, const std::string& name,
                const CreateOptions& options, const TraceContext& trace, Clock::time_point now);
Json sandbox_body(const std::string& api_version, const Json& from_template, const std::string& name,
                  const CreateOptions& options, Clock::time_point now);
/// "2026-11-21T08:26:17Z", with `.860931` when `micros`.
std::string format_time(Clock::time_point time, bool micros);

}  // namespace sandgate::client
