#include "caller.h"

namespace sandgate::simulation {

Caller::Caller(CallerWorld& world, Timeline& timeline, std::string sandbox, Nanos think_max, uint64_t seed)
    : world_(world), timeline_(timeline), sandbox_(std::move(sandbox)), think_max_(think_max), random_(seed) {}

void Caller::open() {
  if (stopping_) {
    done_ = true;
    return;
  }
  reader_.emplace(HttpReader::Kind::kResponses);
  ends_.emplace_back(new PeerEnd(timeline_, world_.connect_to_gateway(), *this));  // the base is private
  end_ = ends_.back().get();
}

void Caller::on_connected(PeerEnd& end) {
  if (&end == end_) ask();
}

void Caller::ask() {
  const bool post = random_.one_in(3);
  const std::string body(post ? random_.below(random_.one_in(6) ? 60'000 : 400) : 0, 'q');
  waiting_ = true;
  owing_ = world_.owing(sandbox_);
  end_->send((post ? "POST " : "GET ") + target_for(sandbox_, ++number_) +
             " HTTP/1.1\r\nHost: gateway\r\nX-Sandbox-ID: " + sandbox_ +
             (post ? "\r\nContent-Length: " + std::to_string(body.size()) : "") + "\r\n\r\n" + body);
}

void Caller::later() {
  const Nanos think(static_cast<int64_t>(random_.below(static_cast<uint64_t>(think_max_.count()) + 1)));
  timeline_.after(think, [this, end = end_] {
    if (end != end_ || end->closed()) return;
    if (!stopping_) return ask();
    end->close();
    done_ = true;
  });
}

void Caller::complete(int status) {
  if (!std::exchange(waiting_, false)) return;
  world_.answered(sandbox_, status, status == 0 ? "" : reader_->head().get("x-tenant"), owing_);
}

void Caller::on_data(PeerEnd& end, std::string_view bytes) {
  if (&end != end_) return;
  reader_->feed(bytes);
  for (auto event = reader_->next(); event != HttpReader::Event::kNothing; event = reader_->next()) {
    if (event == HttpReader::Event::kBad) return on_broken(end);
    if (event != HttpReader::Event::kEnd || reader_->head().status < 200) continue;
    complete(reader_->head().status);
    if (reader_->head().says("connection", "close")) return;  // its FIN is on the way
    later();
  }
}

void Caller::on_fin(PeerEnd& end) {
  end.close();
  if (&end == end_) connection_over();
}

void Caller::on_broken(PeerEnd& end) {
  end.close();
  if (&end == end_) connection_over();
}

void Caller::connection_over() {
  complete(0);
  timeline_.after(Nanos(1), [this] { open(); });
}

}  // namespace sandgate::simulation
