// For tests of HTTP/1 connections on real sockets: a server whose answers the test scripts. No product code
// includes it.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "http/h1/test_support.h"
#include "io/test_support.h"
#include "wire/server.h"

namespace sandgate::wire::testing {

/// One request as it reached the application.
class Call final : public http::StreamEvents {
 public:
  Call(H1ServerConnection& stream_in, const http::RequestHead& head_in, size_t head_size,
       const http::Framing& framing_in)
      : stream(&stream_in), framing(framing_in) {
    head.keep(head_in, head_size, bytes_);
    stream_in.set_events(this);
  }
  void on_stream_event(http::Stream&) override {
    ++events;
    if (on_event) on_event(*this);
  }

  /// Reads what there is; the last status.
  http::ReadStatus pull() {
    for (;;) {
      const http::ReadResult piece = stream->read();
      if (piece.status != http::ReadStatus::kData) return piece.status;
      body.append(piece.data);
    }
  }
  void respond(uint16_t status, const http::Framing& answer, bool close = false,
               std::vector<http::OutField> fields = {}) {
    http::ResponseOut out;
    out.status = status;
    out.reason = http::default_reason(status);
    out.fields = std::move(fields);
    stream->respond(out, answer, close);
  }
  /// A whole answer with a length, and the end of the request.
  void answer(uint16_t status, std::string_view text, bool close = false) {
    respond(
        status,
        text.empty() ? http::Framing{http::BodyKind::kNone, 0, 0} : http::Framing{http::BodyKind::kFixed, text.size()},
        close);
    EXPECT_TRUE(stream->write(text));
    EXPECT_TRUE(stream->end({}));
    finish();
  }
  void finish() { std::exchange(stream, nullptr)->finish(); }
  void abort() { std::exchange(stream, nullptr)->abort(); }

  H1ServerConnection* stream;  ///< null once the call is over
  http::RequestHead head;
  http::Framing framing;
  std::string body;
  int events = 0;
  std::function<void(Call&)> on_event;

 private:
  std::string bytes_;
};

/// The application: calls `on_call` for each request; refuses what is no request with a status and closes.
class App final : public ServerSide {
 public:
  void on_request(H1ServerConnection& stream, const http::RequestHead& head, size_t head_size,
                  const http::Framing& framing) override {
    calls.emplace_back(stream, head, head_size, framing);
    if (on_call) on_call(calls.back());
  }
  void on_bad_request(H1ServerConnection& stream, Failure failure) override {
    refused.push_back(failure.code);
    http::ResponseOut out;
    out.status = failure.code == Code::kHeadTooLarge    ? 431
                 : failure.code == Code::kTargetTooLong ? 414
                 : failure.code == Code::kHeadTimeout   ? 408
                                                        : 400;
    out.reason = http::default_reason(out.status);
    stream.respond(out, {http::BodyKind::kFixed, 3}, true);
    EXPECT_TRUE(stream.write("bad"));
    EXPECT_TRUE(stream.end({}));
    stream.finish();
  }
  void on_connection_closed(H1ServerConnection& connection) override {
    ++closed;
    for (Call& call : calls) {
      if (call.stream == &connection) call.stream = nullptr;
    }
  }

  std::function<void(Call&)> on_call;
  std::list<Call> calls;
  std::vector<Code> refused;
  int closed = 0;
};

/// Reads the whole request, then sends its body back: fixed or chunked as it came, with its trailers.
inline void echo(Call& call) {
  call.on_event = [](Call& c) {
    const http::ReadStatus status = c.pull();
    if (status == http::ReadStatus::kAborted) return c.abort();
    if (status != http::ReadStatus::kEnd) return;
    const http::Trailers trailers = c.stream->trailers();
    http::Framing framing = c.framing;
    if (framing.kind == http::BodyKind::kNone) framing.stated_length = 0;
    c.respond(200, framing);
    EXPECT_TRUE(c.stream->write(c.body));
    EXPECT_TRUE(c.stream->end(trailers));
    c.finish();
  };
  call.on_event(call);
}

/// A server on loopback with its application.
struct ServerWorld : io::testing::World {
  ServerWorld() : context(loop, options), server(std::make_unique<Server>(context, app)) {
    auto listener = network->adopt_listener(*io::open_listener(io::testing::loopback(), {.reuse_port = false}));
    endpoint = (*listener)->local();
    server->add_listener(std::move(*listener));
    app.on_call = [](Call& call) { call.answer(200, "ok"); };
  }

  io::testing::Peer connect(int buffer_bytes = 0) { return io::testing::Peer::connect(endpoint, buffer_bytes); }
  /// Turns until the peer has received at least `bytes`.
  [[nodiscard]] bool receives(io::testing::Peer& peer, size_t bytes) {
    return until([&] {
             peer.pull();
             return peer.received().size() >= bytes || peer.closed();
           }) &&
           peer.received().size() >= bytes;
  }
  [[nodiscard]] bool receives(io::testing::Peer& peer, std::string_view text) {
    return until([&] {
             peer.pull();
             return peer.received().find(text) != std::string::npos || peer.closed();
           }) &&
           peer.received().find(text) != std::string::npos;
  }
  [[nodiscard]] bool sees_close(io::testing::Peer& peer) {
    return until([&] {
      peer.pull();
      return peer.closed();
    });
  }
  /// Sends all of it, turning the loop in between as far as buffers are full.
  void send_all(io::testing::Peer& peer, std::string_view bytes) {
    size_t sent = 0;
    EXPECT_TRUE(until([&] {
      sent += peer.send_some(bytes.substr(sent));
      return sent == bytes.size() || peer.closed();
    }));
  }

  ConnectionOptions options;
  Context context;
  App app;
  std::unique_ptr<Server> server;
  Endpoint endpoint;
};

}  // namespace sandgate::wire::testing
