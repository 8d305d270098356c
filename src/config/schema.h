// The table of all settings of `sandgate router`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/setting.h"

namespace sandgate::config {

/// In the order of the manual: settings of one section stand together. Built once, never changed.
std::span<const Setting> router_settings();

/// The setting with this flag or key; null when there is none.
const Setting* find_setting(std::string_view name);

/// A flag of the replaced programs for something this build does not have. It is taken with the value that
/// switches the thing off, and refused with any other.
struct AbsentSetting {
  std::string_view name;
  bool is_bool;
  std::string_view off;   ///< the accepted value
  std::string_view what;  ///< what is missing
};
std::span<const AbsentSetting> absent_settings();
const AbsentSetting* find_absent(std::string_view name);

}  // namespace sandgate::config
