// What each verb does. Every function returns the exit status of the program: 0, that of the command, 124 for a
// time-out, 125 for an error of the client, 130 when interrupted.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "cli/options.h"

namespace sandgate::cli {

struct Context {
  GlobalOptions global;
  std::stop_token stop;
};

struct CreateFlags {
  std::string pool;
  bool from_template = false;
  std::string name, ttl, wait = "180s", volumes_file;
  bool adopt = false;
  std::vector<std::string> labels, pod_labels, pod_annotations, env;
};

int create(const Context& context, const CreateFlags& flags);
/// `run CLAIM -- CMD…`, or with `remove_after` a sandbox of its own from the pool of `flags`.
int run(const Context& context, const CreateFlags& flags, bool remove_after, const std::vector<std::string>& command,
        const std::string& command_timeout);
/// `exec -it`: the place of sandboxd's process service, which this build does not speak.
int interactive(const Context& context, const std::string& claim);
int copy(const Context& context, const std::string& from, const std::string& to);
int list_files(const Context& context, const std::string& where);
int stat(const Context& context, const std::string& where);
int cat(const Context& context, const std::string& where);
int exists(const Context& context, const std::string& where);
int remove_file(const Context& context, const std::string& where, bool recursive);
int list(const Context& context, const std::string& selector);
int status(const Context& context, const std::string& claim);
int remove(const Context& context, const std::vector<std::string>& claims, const std::string& selector);
int suspend(const Context& context, const std::string& claim, bool resume, const std::string& wait);
int tunnel(const Context& context, const std::string& claim, std::uint16_t port, std::uint16_t local_port);
int doctor(const Context& context);
int selftest(const Context& context, const CreateFlags& flags);

/// A command line for the runtime, which splits it by the quoting rules of the shell: each word quoted where it must
/// be.
std::string quote_words(const std::vector<std::string>& words);

/// The completion script of a shell: bash, zsh or fish; empty for others. `flags` without their dashes.
std::string completion_script(const std::string& shell, const std::vector<std::string>& verbs,
                              const std::vector<std::string>& flags);

}  // namespace sandgate::cli
