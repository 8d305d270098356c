// Help and manual, made from the table of settings.
#pragma once

#include <string>

namespace sandgate::config {

struct Schema;

/// What `sandgate COMMAND --help` prints.
std::string help_text(const Schema& schema);

/// The tables of docs/configuration.md, a heading and a table for each section.
std::string settings_markdown(const Schema& schema);

}  // namespace sandgate::config
