#include "control/static_provider.h"

#include <utility>

#include "sandbox/static_file.h"

namespace sandgate::control {

Result<std::shared_ptr<const sandbox::RoutingTable>> static_table(const std::string& text, const std::string& path) {
  auto records = sandbox::parse_static_sandboxes(text, path);
  if (!records) return tl::unexpected(records.error());
  return std::make_shared<const sandbox::RoutingTable>(*std::move(records));
}

StaticProvider::StaticProvider(Options options, OnTable on_table, OnError on_error)
    : watch_(
          options,
          [path = options.path, on_table = std::move(on_table)](const std::string& text) -> Result<void> {
            auto table = static_table(text, path);
            if (!table) return tl::unexpected(table.error());
            on_table(*std::move(table));
            return {};
          },
          std::move(on_error)) {}

}  // namespace sandgate::control
