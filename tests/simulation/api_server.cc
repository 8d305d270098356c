#include "api_server.h"

#include <algorithm>

#include "base/strings.h"
#include "objects.h"
#include "watch_stream.h"

namespace sandgate::simulation {
namespace {

using kube::StreamEnd;

constexpr size_t kHistoryMax = 200;
/// After this nobody waits for a connection any longer.
constexpr Nanos kConnectTimeout = Seconds(5);

std::string parameter(const std::string& path, const std::string& name) {
  const size_t at = path.find(name + "=", path.find('?'));
  if (at == std::string::npos) return {};
  const size_t from = at + name.size() + 1;
  return path.substr(from, path.find('&', from) - from);
}

uint64_t number(const std::string& text, uint64_t otherwise) {
  return parse_decimal<uint64_t>(text).value_or(otherwise);
}

std::string plural_of(const std::string& path) {
  const std::string plain = path.substr(0, path.find('?'));
  return plain.substr(plain.rfind('/') + 1);
}

StreamEnd refusal(int status) {
  StreamEnd end;
  end.why = StreamEnd::Why::kStatus;
  end.response.status = status;
  end.response.body = R"({"kind":"Status","status":"Failure","message":"no","reason":")" +
                      std::string(status == 410 ? "Expired" : "Trouble") + R"(","code":)" + std::to_string(status) +
                      "}";
  return end;
}

}  // namespace

bool SimApiServer::strikes(unsigned one_in, const char* what) {
  const bool now = one_in > 0 && random_.one_in(one_in);
  if (now) ++tally_[what];
  return now;
}

Nanos SimApiServer::lag() {
  return Nanos(static_cast<int64_t>(random_.below(static_cast<uint64_t>(lag_max_.count()) + 1)));
}

// --- the cluster's side ------------------------------------------------------------------------------------------

void SimApiServer::put(const std::string& plural, const std::string& name, const std::string& json) {
  const bool there = objects_[plural].contains(name);
  std::string& object = objects_[plural][name];
  object = json;
  object.insert(kObjectBegin.size(), R"("resourceVersion":")" + std::to_string(++version_) + "\",");
  record(there ? "MODIFIED" : "ADDED", plural, object);
}

void SimApiServer::remove(const std::string& plural, const std::string& name) {
  const auto found = objects_[plural].find(name);
  if (found == objects_[plural].end()) return;
  std::string object = std::move(found->second);
  objects_[plural].erase(found);
  // The last state, with the deletion's own version, which is what a watch resumes from.
  const size_t from = object.find(R"("resourceVersion":")") + 19;
  object.replace(from, object.find('"', from) - from, std::to_string(++version_));
  record("DELETED", plural, object);
}

void SimApiServer::record(const char* type, const std::string& plural, const std::string& json) {
  history_.push_back({version_, plural, std::string(R"({"type":")") + type + R"(","object":)" + json + "}\n"});
  while (history_.size() > kHistoryMax) {
    forgotten_ = history_.front().version;
    history_.pop_front();
  }
  for (Strand* strand : watching_) {
    timeline_.after(lag(), [this, strand] {
      if (std::find(watching_.begin(), watching_.end(), strand) != watching_.end()) strand->wake();
    });
  }
}

void SimApiServer::set_mode(Mode mode) {
  mode_ = mode;
  for (Strand* strand : watching_) strand->wake();
}

// --- its clients' side -------------------------------------------------------------------------------------------

Result<kube::Response> SimApiServer::request(const kube::Request& request, std::stop_token) {
  return fail(request.path + " is not served here");
}

Result<StreamEnd> SimApiServer::stream(const kube::Request& request, kube::StreamSink& sink, std::stop_token stop) {
  if (!Strand::current().stand_still(lag())) return fail(std::string(kube::kStopped));
  if (mode_ == Mode::kSilent) {
    if (!Strand::current().stand_still(kConnectTimeout)) return fail(std::string(kube::kStopped));
    return fail("connecting took too long");
  }
  if (mode_ == Mode::kRefusing || strikes(faults_.refused, "refused")) return fail("connection refused");
  if (mode_ == Mode::kFailing) return refusal(503);
  if (strikes(faults_.status, "status")) return refusal(random_.one_in(3) ? 429 : random_.one_in(2) ? 500 : 503);
  if (parameter(request.path, "watch") != "true") return list(request.path, sink);
  const uint64_t from = number(parameter(request.path, "resourceVersion"), 0);
  if (from < forgotten_ || strikes(faults_.expired, "expired")) return refusal(410);
  const Seconds lasts(static_cast<int64_t>(number(parameter(request.path, "timeoutSeconds"), 300)));
  Strand& strand = Strand::current();
  watching_.push_back(&strand);
  auto end = WatchStream(*this, plural_of(request.path), from, sink).run(lasts, request.timeout, stop);
  std::erase(watching_, &strand);
  return end;
}

/// Pages of one snapshot; a token is `VERSION.OFFSET`.
Result<StreamEnd> SimApiServer::list(const std::string& path, kube::StreamSink& sink) {
  const std::string plural = plural_of(path);
  const std::string token = parameter(path, "continue");
  Paged& paged = paged_[plural];
  if (token.empty()) {
    paged = {version_, objects_[plural]};
  } else if (number(token.substr(0, token.find('.')), 0) != paged.version || strikes(faults_.expired, "expired")) {
    return refusal(410);
  }
  const size_t offset = token.empty() ? 0 : number(token.substr(token.find('.') + 1), 0);
  const size_t limit = number(parameter(path, "limit"), paged.objects.size());
  std::string items;
  size_t at = 0;
  for (const auto& [name, json] : paged.objects) {
    if (at >= offset && at < offset + limit) items.append(items.empty() ? "" : ",").append(json);
    ++at;
  }
  std::string page = R"({"kind":"List","metadata":{"resourceVersion":")" + std::to_string(paged.version) + "\"";
  if (offset + limit < paged.objects.size()) {
    page += R"(,"continue":")" + std::to_string(paged.version) + "." + std::to_string(offset + limit) + "\"";
  }
  page.append(R"(},"items":[)").append(items).append("]}");
  StreamEnd end;
  end.response.status = 200;
  const bool lost = strikes(faults_.lost, "lost");
  if (lost) {
    end.why = StreamEnd::Why::kLost;
    end.error = "connection reset";
    page.resize(random_.below(page.size()));
  }
  sink.on_open();
  if (!page.empty() && !sink.on_bytes(page)) end.why = StreamEnd::Why::kRefused;
  return end;
}

}  // namespace sandgate::simulation
