// sandboxd's REST surface (contract sandbox-router 6.2, client 4.2), all beneath /v1/:
//   GET HEAD PUT DELETE /v1/files/{path}   GET /v1/health   GET /v1/metadata
// Paths are decoded once; `/` may be written %2F, and the root as nothing, `.` or `%2E`. Errors are
// {"code","message"}. Its other half, gRPC on a port of its own, is not here.
#pragma once

#include "base/clock.h"
#include "runtime/dialect.h"
#include "runtime/options.h"
#include "runtime/paths.h"

namespace sandgate::runtime {
namespace sandboxd {

Answer error(uint16_t status, std::string_view code, std::string_view message);
/// What a failed system call on `path` means to the client.
Answer of_errno(int error, std::string_view path);

}  // namespace sandboxd

class SandboxdDialect final : public Dialect {
 public:
  /// All outlive the dialect. `environment` is a null-terminated list of NAME=VALUE: what /v1/metadata shows of it
  /// begins with SANDBOX_ and does not look like a secret.
  SandboxdDialect(const BaseDirectory& base, const WorkLimits& limits, const Clock& clock,
                  const char* const* environment)
      : base_(base), limits_(limits), clock_(clock), began_(clock.now()), environment_(environment) {}

  /// Is a path, still encoded, one of this dialect's?
  static bool owns(std::string_view path);

  std::unique_ptr<Call> begin(const Request& request, Responder& responder) override;
  Answer refusal(uint16_t status, std::string_view why) override;
  /// The program is about to stop: health answers 503 from now on.
  void begin_stopping() { stopping_ = true; }

 private:
  std::unique_ptr<Call> files(const Request& request, const std::string& path, Responder& responder);
  Answer read(const Request& request, const std::string& path) const;
  Answer remove(const Request& request, const std::string& path) const;
  Answer health() const;
  Answer metadata() const;

  const BaseDirectory& base_;
  const WorkLimits& limits_;
  const Clock& clock_;
  const MonoTime began_;
  const char* const* environment_;
  bool stopping_ = false;
};

}  // namespace sandgate::runtime
