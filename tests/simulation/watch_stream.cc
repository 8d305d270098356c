#include "watch_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sandgate::simulation {

Result<kube::StreamEnd> WatchStream::run(Seconds lasts, Millis limit, std::stop_token stop) {
  end_.response.status = 200;
  const MonoTime ends = deadline_after(server_.timeline_.now(), lasts);
  const MonoTime given_up = deadline_after(server_.timeline_.now(), limit);
  sink_.on_open();
  while (!stop.stop_requested()) {
    const MonoTime now = server_.timeline_.now();
    stalled_ |= server_.mode_ == SimApiServer::Mode::kSilent;
    const MonoTime silence = deadline_after(heard_, sink_.idle_limit());
    bool open = true;
    if (now >= silence) {
      open = end(Why::kIdle, "nothing came");
    } else if (now >= given_up) {
      open = end(Why::kDeadline);
    } else if (!stalled_ && server_.mode_ == SimApiServer::Mode::kRefusing) {
      open = end(Why::kLost, "connection reset");
    } else if (!stalled_ && server_.mode_ == SimApiServer::Mode::kFailing) {
      open = end(Why::kEnd);
    } else if (!stalled_) {
      open = send_with_faults(news()) && (now < ends || end(Why::kEnd));
    }
    if (!open) return end_;
    Strand::current().wait_until(std::min({stalled_ ? kFarFuture : ends, silence, given_up}));
  }
  return fail(std::string(kube::kStopped));
}

/// Always false: what a step of run() says when there is no next one.
bool WatchStream::end(Why why, std::string error) {
  end_.why = why;
  end_.error = std::move(error);
  return false;
}

/// What happened since, as it is told.
std::string WatchStream::news() {
  const auto& history = server_.history_;
  std::vector<const SimApiServer::Change*> old;
  std::vector<const SimApiServer::Change*> fresh;
  for (const auto& change : history) {
    if (change.plural == plural_) (change.version <= from_ ? old : fresh).push_back(&change);
  }
  if (!history.empty()) from_ = std::max(from_, history.back().version);
  const ApiFaults& faults = server_.faults_;
  std::string out;
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (i + 1 < fresh.size() && server_.strikes(faults.exchanged, "exchanged")) std::swap(fresh[i], fresh[i + 1]);
    old.push_back(fresh[i]);
    if (server_.strikes(faults.swallowed, "swallowed")) continue;
    out += fresh[i]->line;
    if (server_.strikes(faults.repeated, "repeated")) out += fresh[i]->line;
    if (server_.strikes(faults.rewound, "rewound")) {
      for (size_t again = server_.random_.below(old.size()); again < old.size(); ++again) out += old[again]->line;
    }
  }
  if (server_.random_.one_in(4)) {
    out += R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":")" + std::to_string(from_) + "\"}}}\n";
  }
  return out;
}

/// In pieces cut anywhere. False: the sink has had enough.
bool WatchStream::send(std::string_view bytes) {
  heard_ = server_.timeline_.now();
  while (!bytes.empty()) {
    const size_t n = std::min<size_t>(bytes.size(), 1 + server_.random_.below(400));
    if (!sink_.on_bytes(bytes.substr(0, n))) return end(Why::kRefused);
    bytes.remove_prefix(n);
  }
  return true;
}

bool WatchStream::send_with_faults(std::string bytes) {
  if (bytes.empty()) return true;
  const ApiFaults& faults = server_.faults_;
  const std::string_view part = std::string_view(bytes).substr(0, server_.random_.below(bytes.size()));
  if (server_.strikes(faults.lost, "lost")) return send(part) && end(Why::kLost, "connection reset");
  if (server_.strikes(faults.cut, "cut")) return send(part) && end(Why::kEnd);
  if (server_.strikes(faults.stall, "stall")) {
    stalled_ = true;
    return send(part);
  }
  if (server_.strikes(faults.garbage, "garbage")) bytes += "{\"type\":\"ADDED\"\n";
  if (server_.strikes(faults.error, "error")) {
    const bool gone = server_.random_.one_in(2);
    bytes += R"({"type":"ERROR","object":{"kind":"Status","status":"Failure","message":"no","reason":")" +
             std::string(gone ? "Expired" : "InternalError") + R"(","code":)" + (gone ? "410" : "500") + "}}\n";
  }
  return send(bytes);
}

}  // namespace sandgate::simulation
