// The Remote Agent Sandbox Proxy's behaviour: contract path-proxy, column Sandgate.
#pragma once

#include <memory>
#include <string>

#include "front/front_end.h"
#include "front/path/directory.h"
#include "front/path/options.h"
#include "front/path/route.h"
#include "front/request_parts.h"
#include "policy/api_keys.h"
#include "policy/byte_rate.h"
#include "policy/keyed_limit.h"
#include "policy/rate_limit.h"
#include "sandbox/routing_table.h"

namespace sandgate::front::path {

/// What requests of all workers share. Thread safe; must outlive the front end and every plan.
struct PathState {
  policy::KeyRing keys;  ///< in force while PathOptions::api_keys; filled by whoever reads the file
  policy::RateLimit user_requests;
  policy::RateLimit sandbox_requests;
  policy::KeyedLimit user_connections;
  policy::ByteRate user_bytes;
};

/// Any thread; one may serve all workers. Its only state of its own is a cache.
class PathFrontEnd final : public FrontEnd {
 public:
  PathFrontEnd(PathOptions options, PathSeams seams, PathState& state);

  void plan(const Inquiry& inquiry, Plan& plan) const override;
  void edit_request(const Inquiry& inquiry, Plan& plan, http::RequestOut& out) const override;
  void edit_response(const http::ResponseHead& head, Plan& plan, http::ResponseOut& out) const override;
  std::string client_ip(const Inquiry& inquiry) const override;
  void render(const Failure& failure, const Plan& plan, bool forwarded, Answer& answer) const override;

  /// Makes the list that plans wait for; takes milliseconds, so not on a worker's thread. Whoever was told to wait
  /// before this call may plan again after it.
  void build_directory() const { directory_.build(); }

 private:
  /// Who asks. `scope` is null where no key is needed.
  struct Caller {
    std::shared_ptr<const policy::KeyBook> book;
    const policy::KeyScope* scope = nullptr;
  };

  bool fail(const Inquiry& inquiry, Plan& plan, Code code, std::string_view detail = {},
            Side side = Side::kDownstream) const;
  void answer_health(const Inquiry& inquiry, Plan& plan) const;
  void answer_ready(const Inquiry& inquiry, Plan& plan) const;
  void answer_sandboxes(const Inquiry& inquiry, std::string_view query, Plan& plan) const;
  void plan_bare(const Inquiry& inquiry, const Route& route, Plan& plan) const;

  // The checks of contract 4.2 in their order; each answers false after it has set the plan's failure.
  bool check_key(const Inquiry& inquiry, Plan& plan, Caller& caller) const;
  bool check_scope(const Inquiry& inquiry, const Route& route, const Caller& caller, Plan& plan) const;
  const sandbox::SandboxRecord* find_sandbox(const Inquiry& inquiry, const Route& route, const Caller& caller,
                                             Plan& plan) const;
  bool check_limits(const Inquiry& inquiry, const sandbox::SandboxRecord& record, Plan& plan) const;
  bool check_upgrade(const Inquiry& inquiry, Plan& plan) const;

  std::string new_request_id() const;
  void name_request(const Inquiry& inquiry, Plan& plan) const;
  std::shared_ptr<const Directory> directory(const Inquiry& inquiry, Nanos lag, Plan& plan) const;
  bool append_available(const Inquiry& inquiry, const Route& route, const Caller& caller, Plan& plan) const;

  const PathOptions options_;
  const PathSeams seams_;
  PathState& state_;
  const Trust trust_;
  mutable DirectoryCache directory_;
};

}  // namespace sandgate::front::path
