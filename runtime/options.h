// Everything `sandgate-runtime` can be told; options.cc fills it from flags and environment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "wire/options.h"

namespace sandgate::runtime {

/// What bounds a single request.
struct WorkLimits {
  Millis exec_timeout{300'000};                       ///< longest a command may run; also when it asks for more
  uint64_t output_bytes_max = 16ull * 1024 * 1024;    ///< stdout and stderr of a command together
  uint64_t upload_bytes_max = 1024ull * 1024 * 1024;  ///< one uploaded file
  uint64_t execute_body_bytes_max = 1024ull * 1024;   ///< body of POST /execute
  size_t exec_concurrency_max = 64;                   ///< commands at once
  size_t list_entries_max = 100'000;                  ///< entries of one listing
};

struct RuntimeOptions {
  Endpoint bind{IpAddress::v4(0), 8888};
  std::optional<Endpoint> sandboxd_bind = {};  ///< a second port, where sandboxd's is expected
  std::string base_dir = "/app";
  WorkLimits limits;
  size_t connections_max = 256;
  wire::ConnectionOptions connection;
  Millis stop_timeout{10'000};        ///< from the wish to stop to killing what still runs
  std::vector<std::string> warnings;  ///< values that were replaced by defaults: printed at start
};

/// The outcome of reading the command line: options to run with, or a text to print and the status to exit
/// with.
struct Invocation {
  std::optional<RuntimeOptions> options;
  std::string text;
  int exit_code = 0;  ///< 2 for a usage error: `text` belongs on stderr then
};

/// `environment` gives the value of a variable, or null. Flags win over SANDBOX_BASE_DIR and
/// SANDBOX_EXEC_TIMEOUT_SECONDS; a bad flag is an error, a bad variable only a warning (contract
/// sandbox-router 6.1, "Env").
Invocation read_options(std::span<const char* const> arguments, const char* (*environment)(const char*));

}  // namespace sandgate::runtime
