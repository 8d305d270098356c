#include "devcluster/watch_source.h"

#include "devcluster/conversion.h"
#include "devcluster/status.h"
#include "devcluster/table.h"

namespace sandgate::devcluster {
namespace {

constexpr size_t kLinesBytes = 64 * 1024;

/// The state before a change, with the revision of the change: what leaves a selection is reported like this.
Stored last_seen(const StoreEvent& event) {
  Json last = event.before->json();
  last["metadata"]["resourceVersion"] = std::to_string(event.object->revision);
  return *make_stored(std::move(last));
}

}  // namespace

void WatchList::on_store_event(const ResourceType& type, const StoreEvent&) {
  for (WatchSource* watch : watches_) {
    if (watch->request_.type == &type) watch->wake();
  }
}

void WatchList::cut_all() {
  for (WatchSource* watch : watches_) {
    watch->state_ = WatchSource::State::kCut;
    watch->wake();
  }
}

void WatchList::expire_all() {
  for (WatchSource* watch : watches_) {
    watch->state_ = WatchSource::State::kExpired;
    watch->wake();
  }
}

WatchSource::WatchSource(WatchList& list, io::Loop& loop, WatchRequest request)
    : list_(list), store_(list.store_), loop_(loop), request_(std::move(request)), timer_(*this) {
  list_.watches_.insert(this);
  if (request_.initial) {
    state_ = State::kInitial;
    initial_revision_ = store_.revision();
    position_ = store_.end_position(*request_.type);
    store_.each(*request_.type, request_.ns, [&](const ObjectPtr& object) {
      if (request_.wanted(*object)) initial_.push_back(object);
    });
  } else if (const auto position = store_.position_after(*request_.type, request_.from_revision)) {
    position_ = *position;
  } else {
    state_ = State::kExpired;
  }
  end_at_ = deadline_after(loop_.now(), request_.time_limit);
  if (request_.bookmarks) bookmark_at_ = deadline_after(loop_.now(), request_.bookmark_every);
  arm();
}

WatchSource::~WatchSource() { list_.watches_.erase(this); }

void WatchSource::arm() { timer_.set(loop_.timers(), std::min(end_at_, bookmark_at_)); }

void WatchSource::on_deadline(MonoTime) { wake(); }

BodySource::Next WatchSource::next(std::string& piece) {
  if (state_ == State::kInitial) add_initial(piece);
  if (state_ == State::kEvents && piece.empty()) add_events(piece);
  if (!piece.empty()) return Next::kPiece;
  switch (state_) {
    case State::kCut:
      return Next::kCut;
    case State::kEnded:
      return Next::kEnd;
    case State::kExpired:
      add_expired(piece);
      state_ = State::kEnded;
      return Next::kPiece;
    case State::kInitial:
    case State::kEvents:
      break;
  }
  if (loop_.now() >= end_at_) return Next::kEnd;
  if (loop_.now() >= bookmark_at_) {
    bookmark_at_ = deadline_after(loop_.now(), request_.bookmark_every);
    add_bookmark(piece, store_.revision(), false);
  }
  arm();
  return piece.empty() ? Next::kWait : Next::kPiece;
}

void WatchSource::add_initial(std::string& piece) {
  for (; initial_at_ < initial_.size() && piece.size() < kLinesBytes; ++initial_at_) {
    add_line(piece, "ADDED", *initial_[initial_at_]);
    initial_[initial_at_].reset();
  }
  if (initial_at_ < initial_.size()) return;
  initial_ = {};
  state_ = State::kEvents;
  if (request_.initial_end_marked) add_bookmark(piece, initial_revision_, true);
}

void WatchSource::add_events(std::string& piece) {
  bool gone = false;
  while (piece.size() < kLinesBytes) {
    const StoreEvent* event = store_.event_at(*request_.type, position_, gone);
    if (gone) state_ = State::kExpired;
    if (event == nullptr) break;
    ++position_;
    add_event(piece, *event);
  }
}

void WatchSource::add_event(std::string& piece, const StoreEvent& event) {
  if (event.object->revision <= request_.from_revision && !request_.initial) return;
  if (!request_.ns.empty() && event.object->ns != request_.ns) return;
  const bool was = event.before != nullptr && request_.wanted(*event.before);
  const bool is = event.type != EventType::kDeleted && request_.wanted(*event.object);
  if (is) {
    add_line(piece, was ? "MODIFIED" : "ADDED", *event.object);
  } else if (was) {
    if (event.type == EventType::kDeleted) {
      add_line(piece, "DELETED", *event.object);
    } else {
      add_line(piece, "DELETED", last_seen(event));
    }
  }
}

void WatchSource::add_line(std::string& piece, std::string_view type, const Stored& object) {
  piece += R"({"type":")";
  piece += type;
  piece += R"(","object":)";
  if (request_.as_table) {
    const std::string meta = R"({"resourceVersion":")" + std::to_string(object.revision) + R"("})";
    piece += table_text(*request_.type, request_.version, {std::make_shared<Stored>(object)}, meta, false,
                        loop_.clock().wall());
  } else {
    piece += object_text(*request_.type, request_.version, object);
  }
  piece += "}\n";
}

void WatchSource::add_bookmark(std::string& piece, uint64_t revision, bool ends_initial) {
  if (request_.as_table) return;
  piece += R"({"type":"BOOKMARK","object":{"kind":")" + request_.type->kind + R"(","apiVersion":")" +
           request_.type->api_version(request_.version) + R"(","metadata":{"resourceVersion":")" +
           std::to_string(revision) + R"(","creationTimestamp":null)";
  if (ends_initial) piece += R"(,"annotations":{"k8s.io/initial-events-end":"true"})";
  piece += "}}}\n";
}

void WatchSource::add_expired(std::string& piece) {
  piece += R"({"type":"ERROR","object":)" +
           status_text(expired("too old resource version: " + std::to_string(request_.from_revision) + " (" +
                               std::to_string(store_.compacted(*request_.type)) + ")")) +
           "}\n";
}

}  // namespace sandgate::devcluster
