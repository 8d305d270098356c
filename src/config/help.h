// Help and manual, made from the table of settings.
#pragma once

#include <string>

namespace sandgate::config {

/// What `sandgate router --help` prints.
std::string router_help();

/// The tables of docs/configuration.md, a heading and a table for each section.
std::string settings_markdown();

}  // namespace sandgate::config
