// POST /execute of the python-runtime: one command, its output in the answer. The answer is 200 even when the
// command could not run; that is what clients expect (contract sandbox-router 6.1).
#pragma once

#include <memory>
#include <string>

#include "runtime/command.h"
#include "runtime/dialect.h"
#include "runtime/options.h"

namespace sandgate::runtime {

class ExecuteCall final : public Call, private CommandEvents {
 public:
  /// As Dialect::begin().
  static std::unique_ptr<Call> begin(const Request& request, CommandRunner& runner, const WorkLimits& limits,
                                     Responder& responder);
  /// A command under way goes on without us.
  ~ExecuteCall() override;

  void on_body(std::string_view bytes) override;
  void on_body_end() override;

 private:
  ExecuteCall(CommandRunner& runner, const WorkLimits& limits, Responder& responder, bool json_type)
      : runner_(runner), limits_(limits), responder_(responder), json_type_(json_type) {}
  void on_command_done(CommandResult result) override;
  void fail_run(std::string_view why, bool timed_out = false);

  CommandRunner& runner_;
  const WorkLimits& limits_;
  Responder& responder_;
  const bool json_type_;
  std::string body_;
  std::string program_;
  Millis timeout_{0};
};

}  // namespace sandgate::runtime
