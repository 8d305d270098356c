// What the processes under test have used so far, read from /proc. Linux only.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace yardstick {

struct CpuSample {
  double run_s = 0;   // time on a processor, nanosecond resolution, summed over all threads (schedstat)
  double user_s = 0;  // the same split into two, but only in clock ticks of 10 ms (stat)
  double system_s = 0;
};

// Sums over the processes given. A process or thread that has gone by now counts as nothing.
CpuSample sample_cpu(const std::vector<pid_t>& pids);

// Proportional set size in KiB: private pages plus a fair share of the shared ones, also
// those that were swapped out.
uint64_t sample_memory_kib(const std::vector<pid_t>& pids);

}  // namespace yardstick
