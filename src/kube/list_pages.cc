#include "kube/list_pages.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "kube/api_path.h"
#include "kube/list_decoder.h"

namespace sandgate::kube {
namespace {

using Why = ListOutcome::Why;

/// Streams one page into the decoder.
class PageSink final : public StreamSink {
 public:
  PageSink(const ListQuery& query, const std::function<bool(std::string_view)>& on_item)
      : query_(query), decoder_(query.item_bytes_max, [this, &on_item](std::string_view item) {
          if (abandoned_ || too_old()) return;
          if (!on_item(item)) abandoned_ = true;
        }) {}

  bool on_bytes(std::string_view bytes) override {
    total_ += bytes.size();
    if (total_ > query_.page_bytes_max) {
      error_ = fmt::format("a page of the list is longer than {} bytes", query_.page_bytes_max);
      return false;
    }
    const auto fed = decoder_.feed(bytes);
    if (!fed) error_ = fed.error().message;
    return fed && !abandoned_ && !too_old();
  }
  Millis idle_limit() override { return query_.idle; }

  /// Older than what was asked for, as far as is known by now.
  bool too_old() {
    if (query_.resource_version_match.empty() || !error_.empty()) return !error_.empty();
    if (compare_versions(decoder_.resource_version(), query_.resource_version) < 0) {
      error_ = fmt::format("the server listed version {}, older than {} that it told of before",
                           decoder_.resource_version(), query_.resource_version);
    }
    return !error_.empty();
  }

  ListDecoder& decoder() { return decoder_; }
  bool abandoned() const { return abandoned_; }
  const std::string& error() const { return error_; }

 private:
  const ListQuery& query_;
  bool abandoned_ = false;
  uint64_t total_ = 0;
  std::string error_;
  ListDecoder decoder_;
};

std::string page_path(const ListQuery& query, const std::string& continue_token) {
  // A continued list carries its version in the token; sending one again is an error.
  const bool first = continue_token.empty();
  return with_query(query.path, {{"labelSelector", query.label_selector},
                                 {"fieldSelector", query.field_selector},
                                 {"limit", query.page_limit == 0 ? "" : std::to_string(query.page_limit)},
                                 {"resourceVersion", first ? query.resource_version : ""},
                                 {"resourceVersionMatch", first ? query.resource_version_match : ""},
                                 {"continue", continue_token}});
}

ListOutcome refused(const Response& response) {
  ListOutcome out;
  const KubeStatus status = parse_status(response);
  out.why = response.status == 410 ? Why::kExpired : Why::kFailed;
  out.error = describe(status);
  out.status = response.status;
  out.retry_after = status.retry_after;
  return out;
}

/// One page; kComplete: the decoder is finished.
ListOutcome read_page(KubeTransport& transport, const ListQuery& query, const std::string& token, PageSink& sink,
                      std::stop_token stop) {
  Request request;
  request.path = page_path(query, token);
  request.timeout = query.page_timeout;
  auto end = transport.stream(request, sink, stop);
  ListOutcome out;
  if (stop.stop_requested() || sink.abandoned()) {
    out.why = Why::kAbandoned;
    return out;
  }
  if (!end) {
    out.error = end.error().message;
    return out;
  }
  switch (end->why) {
    case StreamEnd::Why::kEnd: {
      const auto finished = sink.decoder().finish();
      out.why = finished && !sink.too_old() ? Why::kComplete : Why::kFailed;
      if (out.why == Why::kFailed) out.error = finished ? sink.error() : finished.error().message;
      return out;
    }
    case StreamEnd::Why::kRefused:
      out.error = sink.error();
      return out;
    case StreamEnd::Why::kDeadline:
      out.error = fmt::format("the list did not end within {} ms", query.page_timeout.count());
      return out;
    case StreamEnd::Why::kIdle:
    case StreamEnd::Why::kLost:
      out.error = end->error;
      return out;
    case StreamEnd::Why::kStatus:
      return refused(end->response);
  }
  return out;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  const auto x = parse_decimal(a), y = parse_decimal(b);
  if (!x || !y || *x == *y) return 0;
  return *x < *y ? -1 : 1;
}

ListOutcome list_pages(KubeTransport& transport, const ListQuery& query,
                       const std::function<bool(std::string_view)>& on_item, std::stop_token stop) {
  std::string token;
  for (;;) {
    PageSink sink(query, on_item);
    ListOutcome out = read_page(transport, query, token, sink, stop);
    if (out.why != Why::kComplete) return out;
    const std::string& next = sink.decoder().continue_token();
    if (next.empty()) {
      out.resource_version = sink.decoder().resource_version();
      return out;
    }
    if (next == token) {
      out.why = Why::kFailed;
      out.error = "the list does not move on: the same page token came twice";
      return out;
    }
    token = next;
  }
}

}  // namespace sandgate::kube
