// Runs a program to its end and gathers what it prints. No shell, no terminal.
#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sandgate::kube {

struct Command {
  std::string program;  ///< with a `/` a path; else looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> env;  ///< on top of our own environment
  Millis time_limit{30'000};
  size_t output_bytes_max = 1024 * 1024;
};

struct CommandOutcome {
  int exit_status = 0;      ///< as a shell shows it: 128 + N after signal N
  std::string output;       ///< stdout, whole
  std::string errors_tail;  ///< the end of stderr, at most 2 KiB
};

/// Blocks. A program that runs too long, prints too much or is in progress when a stop is requested is killed with its
/// process group. The error: it did not start (`not_found` is set when there is no such program), took too long,
/// printed too much, or the stop.
Result<CommandOutcome> run_command(const Command& command, std::stop_token stop, bool& not_found);

}  // namespace sandgate::kube
