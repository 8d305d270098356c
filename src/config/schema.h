// The tables of all settings, one for each product.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/setting.h"

namespace sandgate::config {

/// A flag of the replaced program for something this build does not have. It is taken with the value that
/// switches the thing off, and refused with any other; or taken with any, and a line at start says that it does
/// nothing.
struct AbsentSetting {
  std::string_view name;
  bool is_bool;
  std::string_view off;   ///< the accepted value
  std::string_view what;  ///< what is missing
  bool ignored = false;   ///< taken with any value
};

/// What `sandgate COMMAND` can be told.
struct Schema {
  server::Product product{};
  std::string_view command;      ///< router, proxy, ingress
  std::string_view does;         ///< one sentence for the help
  std::string_view config_file;  ///< the environment variable that names the configuration file
  Options defaults;
  /// As Go's flag package: what comes from the first word on that is no flag is not looked at.
  bool stops_at_word = false;
  /// In the order of the manual: settings of one section stand together.
  std::vector<Setting> settings;
  std::span<const AbsentSetting> absent;

  /// The setting with this flag or key; null when there is none.
  const Setting* find(std::string_view name) const;
  const AbsentSetting* find_absent(std::string_view name) const;
};

/// Built once, never changed.
const Schema& schema_of(server::Product product);
std::span<const server::Product> all_products();

// One for each product, in schema_PRODUCT.cc.
Schema router_schema();
Schema proxy_schema();
Schema ingress_schema();

}  // namespace sandgate::config
