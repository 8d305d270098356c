// The text of /metrics. prometheus-cpp's types stay in prometheus.cc.
#pragma once

#include <string>
#include <string_view>

#include "observe/metrics.h"

namespace sandgate::observe {

/// Labels of sandbox_router_build_info; an empty field is an empty label.
struct BuildInfo {
  std::string git_version;
  std::string git_commit;
  std::string build_date;
  std::string compiler;
  std::string platform;
};

/// What this program was built with, as far as the compiler knows; the caller fills in the rest.
BuildInfo compiler_build_info();

/// Prometheus text format 0.0.4. Reads the workers' numbers as they are at the moment: the sums of a busy
/// process may be apart by what happened meanwhile. Any thread; costs about a millisecond at a thousand
/// series.
std::string render_metrics(const Metrics& metrics, const BuildInfo& build);

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace sandgate::observe
