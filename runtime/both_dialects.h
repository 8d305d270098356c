// The python-runtime's surface and sandboxd's on the same port: their paths do not meet.
#pragma once

#include "runtime/python_dialect.h"
#include "runtime/sandboxd_dialect.h"

namespace sandgate::runtime {

class BothDialects final : public Dialect {
 public:
  BothDialects(PythonDialect& python, SandboxdDialect& sandboxd) : python_(python), sandboxd_(sandboxd) {}

  std::unique_ptr<Call> begin(const Request& request, Responder& responder) override {
    if (SandboxdDialect::owns(request.path)) return sandboxd_.begin(request, responder);
    return python_.begin(request, responder);
  }
  /// What is no request at all has no path to go by.
  Answer refusal(uint16_t status, std::string_view why) override { return python_.refusal(status, why); }

 private:
  PythonDialect& python_;
  SandboxdDialect& sandboxd_;
};

}  // namespace sandgate::runtime
