#include "config/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/strings.h"

namespace sandgate::config {
namespace {

std::string read_all(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

unsigned affinity_cores() {
  // The mask of a machine with more than 1024 processors does not fit in cpu_set_t: then ask with a larger
  // one.
  for (size_t cpus = 1024; cpus <= 65536; cpus *= 4) {
    std::vector<cpu_set_t> mask(CPU_ALLOC_SIZE(cpus) / sizeof(cpu_set_t) + 1);
    const size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) {
      return static_cast<unsigned>(std::max(1, CPU_COUNT_S(bytes, mask.data())));
    }
  }
  return 1;
}

}  // namespace

std::optional<double> parse_cpu_max(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto quota = parse_decimal<uint64_t>(text.substr(0, space));
  const auto period = parse_decimal<uint64_t>(text.substr(space + 1));
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> cgroup_cpu_limit(std::string_view proc_cgroup, const std::string& mount) {
  // The line of version 2 is `0::/path`; on a machine with version 1 only there is none.
  std::string path;
  while (!proc_cgroup.empty()) {
    const std::string_view line = proc_cgroup.substr(0, proc_cgroup.find('\n'));
    proc_cgroup.remove_prefix(std::min(proc_cgroup.size(), line.size() + 1));
    if (line.starts_with("0::/")) path = line.substr(3);
  }
  if (path.empty()) return std::nullopt;
  std::optional<double> tightest;
  for (;;) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    const auto limit = parse_cpu_max(read_all(mount + path + "/cpu.max"));
    if (limit && (!tightest || *limit < *tightest)) tightest = limit;
    if (path.empty()) return tightest;
    path.resize(path.rfind('/'));
  }
}

unsigned available_cores() {
  unsigned cores = affinity_cores();
  const auto limit = cgroup_cpu_limit(read_all("/proc/self/cgroup"), "/sys/fs/cgroup");
  if (limit && *limit < cores) cores = static_cast<unsigned>(std::ceil(*limit));
  return std::max(1U, cores);
}

unsigned default_workers() { return std::min(4U, available_cores()); }

}  // namespace sandgate::config
