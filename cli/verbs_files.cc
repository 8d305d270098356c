#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "cli/session.h"

namespace sandgate::cli {
namespace {

Error local_error(const std::string& path) {
  Error error;
  error.code = Errc::io;
  error.message = path + ": " + std::strerror(errno);
  return error;
}

int usage(const char* text) {
  std::fprintf(stderr, "sandbox: %s\n", text);
  return 2;
}

/// Opens client and sandbox of CLAIM:PATH and hands them to `act`.
template <class Act>
int with_remote(const Context& context, const std::string& where, Act act) {
  const auto remote = parse_remote(where);
  if (!remote) return usage("a path in a sandbox is CLAIM:PATH");
  Result<Client> client = open_client(context);
  if (!client) return report(client.error());
  Result<Sandbox> sandbox = open_sandbox(*client, context, remote->claim);
  if (!sandbox) return report(sandbox.error());
  return act(*sandbox, remote->path);
}

Writer to_fd(int fd, Progress& progress) {
  return [fd, &progress](std::span<const std::byte> bytes) -> Result<size_t> {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t wrote = ::write(fd, bytes.data() + done, bytes.size() - done);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return local_error("local file");
      done += static_cast<size_t>(wrote);
    }
    progress.add(done);
    return done;
  };
}

Reader from_fd(int fd, Progress& progress) {
  return [fd, &progress](std::span<std::byte> room) -> Result<size_t> {
    for (;;) {
      const ssize_t got = ::read(fd, room.data(), room.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return local_error("local file");
      progress.add(static_cast<std::uint64_t>(got));
      return static_cast<size_t>(got);
    }
  };
}

ReadOptions read_options(const Context& context) {
  ReadOptions options;
  options.timeout = timeout_of(context);
  options.stop = context.stop;
  return options;
}

int upload(const Context& context, Sandbox& sandbox, const std::string& from, std::string to) {
  const bool standard = from == "-";
  const int fd = standard ? STDIN_FILENO : ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return report(local_error(from));
  struct stat about {};
  ::fstat(fd, &about);
  if (S_ISDIR(about.st_mode)) {
    ::close(fd);
    return usage("cp copies one file at a time; pack a directory: tar c DIR | sandbox cp - CLAIM:dir.tar");
  }
  if (to.empty() || to.back() == '/') to += standard ? "stdin" : from.substr(from.rfind('/') + 1);
  Progress progress(from, S_ISREG(about.st_mode) ? static_cast<std::uint64_t>(about.st_size) : 0, context.global.quiet);
  const Result<void> done = sandbox.files().write(to, from_fd(fd, progress), path_options(context));
  if (!standard) ::close(fd);
  return done ? 0 : report(done.error());
}

int download(const Context& context, Sandbox& sandbox, const std::string& from, std::string to) {
  struct stat about {};
  if (to != "-" && ::stat(to.c_str(), &about) == 0 && S_ISDIR(about.st_mode))
    to += "/" + from.substr(from.rfind('/') + 1);
  // A file appears whole or not at all.
  const std::string part = to + ".sandbox-part";
  const bool standard = to == "-";
  const int fd = standard ? STDOUT_FILENO : ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return report(local_error(part));
  Progress progress(from, 0, context.global.quiet);
  const Result<std::uint64_t> done = sandbox.files().read_to(from, to_fd(fd, progress), read_options(context));
  if (standard) return done ? 0 : report(done.error());
  const bool closed = ::close(fd) == 0;
  if (done && closed && ::rename(part.c_str(), to.c_str()) == 0) return 0;
  const Error error = done ? local_error(to) : done.error();
  ::unlink(part.c_str());
  return report(error);
}

std::string time_text(Clock::time_point time) {
  const time_t seconds = Clock::to_time_t(time);
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  char text[32];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
  return std::string(text, length);
}

Record record_of(const FileEntry& entry) {
  return {{"type", entry.type == FileType::file ? "file" : "directory"},
          {"size", std::to_string(entry.size), true},
          {"modified", time_text(entry.modified)},
          {"name", entry.name}};
}

}  // namespace

int copy(const Context& context, const std::string& from, const std::string& to) {
  const auto source = parse_remote(from), sink = parse_remote(to);
  if (source.has_value() == sink.has_value()) return usage("cp takes a local path and CLAIM:PATH, in either order");
  return with_remote(context, source ? from : to, [&](Sandbox& sandbox, const std::string& path) {
    return source ? download(context, sandbox, path, to) : upload(context, sandbox, from, path);
  });
}

int cat(const Context& context, const std::string& where) {
  return with_remote(context, where, [&](Sandbox& sandbox, const std::string& path) {
    Progress silent("", 0, true);
    const Result<std::uint64_t> done =
        sandbox.files().read_to(path, to_fd(STDOUT_FILENO, silent), read_options(context));
    return done ? 0 : report(done.error());
  });
}

int list_files(const Context& context, const std::string& where) {
  return with_remote(context, where, [&](Sandbox& sandbox, const std::string& path) {
    const Result<std::vector<FileEntry>> entries =
        sandbox.files().list(path.empty() ? "." : path, path_options(context));
    if (!entries) return report(entries.error());
    std::vector<Record> records;
    for (const FileEntry& entry : *entries) records.push_back(record_of(entry));
    print_records(context.global.output, records);
    return 0;
  });
}

int stat(const Context& context, const std::string& where) {
  return with_remote(context, where, [&](Sandbox& sandbox, std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    // Neither runtime tells of one path; its directory's list does.
    const size_t slash = path.rfind('/');
    const std::string name = path.substr(slash + 1);  // npos + 1 is 0
    if (name.empty() || name == "." || name == "..")
      return usage("stat wants the path of a file or directory in the root");
    const std::string parent = slash == std::string::npos || slash == 0 ? "." : path.substr(0, slash);
    const Result<std::vector<FileEntry>> entries = sandbox.files().list(parent, path_options(context));
    if (!entries && entries.error().code != Errc::not_found) return report(entries.error());
    for (const FileEntry& entry : entries ? *entries : std::vector<FileEntry>()) {
      if (entry.name != name) continue;
      Record record = record_of(entry);
      if (entry.mode) record.push_back({"mode", *entry.mode});
      print_record(context.global.output, record);
      return 0;
    }
    if (!context.global.quiet) std::fprintf(stderr, "sandbox: %s: no such file or directory\n", where.c_str());
    return 1;
  });
}

int exists(const Context& context, const std::string& where) {
  return with_remote(context, where, [&](Sandbox& sandbox, const std::string& path) {
    const Result<bool> found = sandbox.files().exists(path, path_options(context));
    if (!found) return report(found.error());
    if (!context.global.quiet) print_record(context.global.output, {{"exists", *found ? "true" : "false", true}});
    return *found ? 0 : 1;
  });
}

int remove_file(const Context& context, const std::string& where, bool recursive) {
  return with_remote(context, where, [&](Sandbox& sandbox, const std::string& path) {
    RemoveOptions options;
    options.timeout = timeout_of(context);
    options.stop = context.stop;
    options.recursive = recursive;
    Result<void> done = sandbox.files().remove(path, options);
    if (done) return 0;
    if (done.error().code != Errc::unsupported) return report(done.error());
    // The classic runtime has no request for it, but it has rm.
    RunOptions running;
    running.timeout = options.timeout;
    running.stop = context.stop;
    std::vector<std::string> words{"rm"};
    if (recursive) words.push_back("-r");
    words.insert(words.end(), {"--", path});
    const Result<ExecutionResult> result = sandbox.commands().run(quote_words(words), running);
    if (!result) return report(result.error());
    std::fwrite(result->err.data(), 1, result->err.size(), stderr);
    return result->exit_code == 0 ? 0 : 1;
  });
}

}  // namespace sandgate::cli
