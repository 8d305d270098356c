#include "process_sample.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace yardstick {
namespace {

namespace fs = std::filesystem;

// Field 2 of /proc/PID/stat is the program's name in brackets and may hold anything, so fields are counted
// after it.
void add_ticks(pid_t pid, CpuSample& sample) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return;
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  uint64_t user = 0, system = 0;
  fields >> user >> system;
  const double tick_s = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  sample.user_s += static_cast<double>(user) * tick_s;
  sample.system_s += static_cast<double>(system) * tick_s;
}

void add_run_time(pid_t pid, CpuSample& sample) {
  std::error_code gone;
  for (fs::directory_iterator thread("/proc/" + std::to_string(pid) + "/task", gone), end; !gone && thread != end;
       thread.increment(gone)) {
    std::ifstream file(thread->path() / "schedstat");
    double run_ns = 0;
    if (file >> run_ns) sample.run_s += run_ns * 1e-9;
  }
}

}  // namespace

CpuSample sample_cpu(const std::vector<pid_t>& pids) {
  CpuSample sample;
  for (const pid_t pid : pids) {
    add_ticks(pid, sample);
    add_run_time(pid, sample);
  }
  return sample;
}

uint64_t sample_memory_kib(const std::vector<pid_t>& pids) {
  uint64_t total = 0;
  for (const pid_t pid : pids) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    for (std::string line; std::getline(file, line);) {
      for (const std::string_view name : {"Pss:", "SwapPss:"}) {
        if (line.rfind(name, 0) == 0) total += std::stoull(line.substr(name.size()));
      }
    }
  }
  return total;
}

}  // namespace yardstick
