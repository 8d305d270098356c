// How many processor cores this process may use: the base of the default number of workers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sandgate::config {

/// Content of a cgroup v2 `cpu.max` file, `QUOTA PERIOD` or `max PERIOD`, as a number of cores; nothing when
/// there is no limit or the text is something else.
std::optional<double> parse_cpu_max(std::string_view text);

/// The tightest `cpu.max` from this process's control group up to the top one. `proc_cgroup` is the content
/// of /proc/self/cgroup, `mount` where the cgroup v2 file system is. Nothing when no group sets a limit.
std::optional<double> cgroup_cpu_limit(std::string_view proc_cgroup, const std::string& mount);

/// The smaller of the affinity mask and the container's quota (rounded up), at least 1.
unsigned available_cores();

/// available_cores(), at most 4: idle connections to quiet sandboxes are split among workers, so few are
/// better.
unsigned default_workers();

}  // namespace sandgate::config
