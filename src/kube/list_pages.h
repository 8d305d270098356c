// A whole LIST, page after page, item by item; blocking.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kube/transport.h"

namespace sandgate::kube {

struct ListQuery {
  std::string path;  ///< of the collection, without a query (api_path.h)
  std::string label_selector;
  std::string field_selector;
  std::string resource_version;  ///< empty: as fresh as can be
  /// NotOlderThan: the answer's version is checked too, before the first item where the server sends it before the
  /// items; empty: not sent, not checked.
  std::string resource_version_match;
  unsigned page_limit = 500;  ///< 0: all at once
  size_t item_bytes_max = size_t{16} * 1024 * 1024;
  uint64_t page_bytes_max = uint64_t{4} * 1024 * 1024 * 1024;
  Millis page_timeout{120'000};
  Millis idle{30'000};  ///< given up after this without a byte
};

struct ListOutcome {
  enum class Why {
    kComplete,
    kExpired,    ///< 410: a page token (or the version asked for) is too old; begin again
    kFailed,     ///< `error` and perhaps `status`
    kAbandoned,  ///< on_item said so, or a stop was requested
  };
  Why why = Why::kFailed;
  std::string resource_version;  ///< of the list; the same on all pages
  std::string error;
  int status = 0;  ///< the HTTP status of a refusal; 0: it was something else
  std::optional<Seconds> retry_after;
};

/// -1, 0, 1; 0 also when one of them is no number (the API calls versions opaque; in fact they are numbers).
int compare_versions(std::string_view a, std::string_view b);

/// `on_item` gets every item's JSON, in order, while it comes; false gives the list up.
ListOutcome list_pages(KubeTransport& transport, const ListQuery& query,
                       const std::function<bool(std::string_view)>& on_item, std::stop_token stop);

}  // namespace sandgate::kube
