// Everything `sandgate-devcluster` can be told; options.cc fills it from flags.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devcluster/api_server.h"
#include "devcluster/node.h"
#include "devcluster/resources.h"

namespace sandgate::devcluster {

struct PreloadOptions {
  uint64_t count = 0;
  std::string ns = "default";
  std::string name = "preloaded";        // objects are NAME-0, NAME-1, ...
  std::string network = "10.64.0.0/10";  // of their addresses
};

struct Options {
  bool controllers_only = false;  // the subcommand
  std::string kubeconfig;         // with it: of the real API server
  std::string context;

  Endpoint listen{IpAddress::v4(0x7f000001), 6443};
  std::optional<Endpoint> admin_listen;
  std::optional<Endpoint> dns_listen;
  std::string kubeconfig_out;
  std::string ready_file;
  ServedVersions versions;
  std::vector<std::string> namespaces;  // beside the usual ones
  size_t history = 10'000;
  ApiOptions api;
  Access access;
  std::string token;
  bool run_controllers = true;
  bool run_node = true;
  NodeOptions node;
  PreloadOptions preload;
};

/// The outcome of reading the command line: options to run with, or a text to print and the status to exit with.
struct Invocation {
  std::optional<Options> options;
  std::string text;
  int exit_code = 0;  ///< 2 for a usage error: `text` belongs on stderr then
};

Invocation read_options(std::span<const char* const> arguments);

}  // namespace sandgate::devcluster
