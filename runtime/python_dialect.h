// The REST surface of the python-runtime (contract sandbox-router 6.1), which the SDKs speak on port 8888:
//   GET /   POST /execute   POST /upload   GET /download/{path}   GET /list[/{path}]   GET /exists/{path}
// Other methods on these: 405; anything else: 404. Paths are decoded once by HTTP's rules. When nothing has
// that name and it holds a %, they are decoded once more, as the replaced runtime always does: so `a%2520b`
// still finds `a b`, and a file really called `a%20b` can be read back (upstream's own fix, agent-sandbox PR
// 1721, drops the second decoding).
#pragma once

#include "runtime/command.h"
#include "runtime/dialect.h"
#include "runtime/options.h"
#include "runtime/paths.h"

namespace sandgate::runtime {

class PythonDialect final : public Dialect {
 public:
  /// All three outlive the dialect.
  PythonDialect(const BaseDirectory& base, CommandRunner& runner, const WorkLimits& limits)
      : base_(base), runner_(runner), limits_(limits) {}

  std::unique_ptr<Call> begin(const Request& request, Responder& responder) override;
  Answer refusal(uint16_t status, std::string_view why) override;

 private:
  const BaseDirectory& base_;
  CommandRunner& runner_;
  const WorkLimits& limits_;
};

}  // namespace sandgate::runtime
