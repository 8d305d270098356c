// Settings that several products share, by the sections of the manual.
#pragma once

#include <string_view>
#include <vector>

#include "config/setting.h"

namespace sandgate::config {

// A callable that answers the member, whether the options are const or not.
#define SG_MEMBER(path) [](auto& options) -> auto& { return options.path; }

inline constexpr Millis kDay = std::chrono::hours(24);
inline constexpr Millis kYear = std::chrono::hours(8760);

// Readers of texts.
Result<std::string> any_text(std::string_view text);
Result<std::string> label(std::string_view text);
std::optional<std::string> label_item(std::string_view text);
std::string same(const std::string& text);
std::string network_text(const IpNetwork& network);

/// Appends `settings` under `section`.
void add(std::vector<Setting>& all, std::string_view section, std::vector<Setting> settings);
/// The variable is read as the flag is; a bad value is replaced by the default.
Setting with_environment(Setting setting, std::string_view variable);

// Single settings.
Setting trusted_proxies();
Setting cluster_domain();
Setting http_bind_address();
Setting pod_networks();
Setting allow_loopback();

// Whole sections.
void add_process(std::vector<Setting>& all);
void add_dns(std::vector<Setting>& all);
void add_times(std::vector<Setting>& all, std::string_view timeout_help);
void add_reuse(std::vector<Setting>& all);
void add_websocket(std::vector<Setting>& all);
void add_limits(std::vector<Setting>& all);
/// What every product can be told of its watch.
void add_watch(std::vector<Setting>& all, std::vector<Setting> first);

}  // namespace sandgate::config
