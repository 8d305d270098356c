// The upstream side: what we send to a sandbox, what we take from it, and when a connection may serve again.
#include "wire/h1_client.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "http/h1/response_head_cases.h"
#include "io/test_support.h"

namespace sandgate::wire {
namespace {

using http::BodyKind;
using http::Framing;
using http::HeadReadStatus;
using http::ReadStatus;
using io::testing::Peer;
using io::testing::PeerListener;

/// A connection of ours and the sandbox's end of it.
class ClientTest : public ::testing::Test, public http::StreamEvents {
 protected:
  void on_stream_event(http::Stream&) override { ++events_; }

  void connect() {
    int error = 0;
    connection_ = std::make_unique<H1ClientConnection>(context_, world_.network->connect(listener_.endpoint(), error));
    connection_->set_events(this);
    ASSERT_EQ(error, 0);
  }
  void connect_and_accept() {
    connect();
    ASSERT_TRUE(world_.until([&] { return connection_->connect_state() != H1ClientConnection::Connect::kPending; }));
    sandbox_ = listener_.accept();
    ASSERT_GE(sandbox_.fd(), 0);
  }
  void ask(const std::string& method = "GET", const Framing& framing = {}) {
    http::RequestOut out;
    out.method = method;
    out.target = "/x";
    out.authority = "sandbox";
    connection_->request(out, framing);
    connection_->flush();
  }
  [[nodiscard]] bool sandbox_gets(std::string_view text) {
    return world_.until([&] {
      sandbox_.pull();
      return sandbox_.received().find(text) != std::string::npos || sandbox_.closed();
    });
  }
  /// Waits for the next head; kBlocked when none comes.
  HeadReadStatus head(Millis wait = Millis(200)) {
    HeadReadStatus status = HeadReadStatus::kBlocked;
    for (int64_t i = 0; i < wait.count() && status == HeadReadStatus::kBlocked; ++i) {
      status = connection_->read_head(head_, framing_);
      if (status == HeadReadStatus::kBlocked) world_.turn(Millis(1));
    }
    return status;
  }
  /// Reads the body to its end.
  ReadStatus body(std::string& out) {
    ReadStatus status = ReadStatus::kBlocked;
    EXPECT_TRUE(world_.until([&] {
      for (;;) {
        const http::ReadResult piece = connection_->read();
        status = piece.status;
        if (status != ReadStatus::kData) return status != ReadStatus::kBlocked;
        out.append(piece.data);
      }
    }));
    return status;
  }
  void retire() { world_.loop.retire(std::unique_ptr<io::Retirable>(std::move(connection_))); }

  io::testing::World world_;
  ConnectionOptions options_;
  Context context_{world_.loop, options_};
  PeerListener listener_;
  std::unique_ptr<H1ClientConnection> connection_;
  Peer sandbox_;
  const http::ResponseHead* head_ = nullptr;
  Framing framing_;
  int events_ = 0;
};

const std::string kRequest = "GET /x HTTP/1.1\r\nHost: sandbox\r\n\r\n";

TEST_F(ClientTest, ARequestWaitsForTheConnectionAndGoes) {
  connect();
  ask();
  EXPECT_TRUE(connection_->backlogged()) << "still connecting";
  EXPECT_FALSE(connection_->sent_anything());
  ASSERT_TRUE(world_.until([&] { return connection_->connect_state() == H1ClientConnection::Connect::kDone; }));
  EXPECT_GT(events_, 0);
  connection_->flush();
  EXPECT_TRUE(connection_->sent_anything());
  sandbox_ = listener_.accept();
  ASSERT_TRUE(sandbox_gets("\r\n\r\n"));
  EXPECT_EQ(sandbox_.received(), kRequest);
}

TEST_F(ClientTest, BodiesAsTheyAreFramed) {
  connect_and_accept();
  ask("POST", Framing{BodyKind::kChunked});
  EXPECT_TRUE(connection_->write("hello"));
  EXPECT_TRUE(connection_->end({{"X-Sum", "1"}}));
  connection_->flush();
  ASSERT_TRUE(sandbox_gets("X-Sum: 1\r\n\r\n"));
  EXPECT_EQ(sandbox_.received(),
            "POST /x HTTP/1.1\r\nHost: sandbox\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
  retire();
  connect_and_accept();
  ask("POST", Framing{BodyKind::kFixed, 5});
  EXPECT_FALSE(connection_->end({})) << "short of its length";
  EXPECT_FALSE(connection_->write("longer"));
  EXPECT_TRUE(connection_->write("hello"));
  EXPECT_TRUE(connection_->end({}));
  EXPECT_TRUE(connection_->end({})) << "once more is nothing";
  connection_->flush();
  ASSERT_TRUE(sandbox_gets("hello"));
  EXPECT_EQ(sandbox_.received(), "POST /x HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 5\r\n\r\nhello");
}

TEST_F(ClientTest, AnswersAndServesAgain) {
  connect_and_accept();
  for (int round = 0; round < 3; ++round) {
    ask();
    sandbox_.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    ASSERT_EQ(head(), HeadReadStatus::kHead);
    EXPECT_EQ(head_->status, 200);
    EXPECT_EQ(framing_.kind, BodyKind::kFixed);
    EXPECT_FALSE(connection_->reusable()) << "its body is not read";
    std::string bytes;
    EXPECT_EQ(body(bytes), ReadStatus::kEnd);
    EXPECT_EQ(bytes, "hello");
    EXPECT_TRUE(connection_->read_complete());
    ASSERT_TRUE(connection_->reusable());
    connection_->become_idle();
    EXPECT_FALSE(connection_->spoiled());
    EXPECT_FALSE(connection_->answered()) << "forgotten";
    EXPECT_EQ(world_.loop.buffers().lent_bytes(), 0u);
    ASSERT_TRUE(connection_->begin_reuse(true));
    EXPECT_TRUE(connection_->reused());
  }
}

/// A conversation cut at every byte: the same heads, body and trailers.
TEST_F(ClientTest, AnswersCutAtEveryByte) {
  const std::string answer =
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n";
  connect_and_accept();
  for (size_t cut = 1; cut < answer.size(); ++cut) {
    ask();
    sandbox_.send(answer.substr(0, cut));
    for (int i = 0; i < 2; ++i) world_.turn(Millis(1));
    std::vector<int> statuses;
    std::string bytes;
    bool rest_sent = false;
    ASSERT_TRUE(world_.until([&] {
      HeadReadStatus status;
      while (statuses.size() < 2 && (status = connection_->read_head(head_, framing_)) == HeadReadStatus::kHead) {
        statuses.push_back(head_->status);
      }
      if (statuses.size() == 2) {
        for (;;) {
          const http::ReadResult piece = connection_->read();
          if (piece.status == ReadStatus::kData) bytes.append(piece.data);
          if (piece.status == ReadStatus::kEnd) return true;
          if (piece.status != ReadStatus::kData) break;
        }
      }
      if (!rest_sent) sandbox_.send(answer.substr(cut));
      rest_sent = true;
      return false;
    })) << cut;
    EXPECT_EQ(statuses, (std::vector<int>{103, 200})) << cut;
    EXPECT_EQ(bytes, "abcde") << cut;
    EXPECT_EQ(connection_->trailers(), (http::Trailers{{"X-Sum", "1"}})) << cut;
    ASSERT_TRUE(connection_->reusable()) << cut;
    connection_->become_idle();
    ASSERT_TRUE(connection_->begin_reuse(true)) << cut;
  }
}

TEST_F(ClientTest, TheShapesOfAnswers) {
  struct Shape {
    const char* method;
    std::string answer;
    BodyKind kind;
    std::string body;
    bool reusable;
  };
  const std::vector<Shape> shapes = {
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", BodyKind::kNone, "", true},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n", BodyKind::kNone, "", true},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", BodyKind::kNone, "", true},
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", BodyKind::kNone, "", true},
      {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", BodyKind::kNone, "", true},
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", BodyKind::kChunked, "x",
       true},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", BodyKind::kFixed, "x", false},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive, CLOSE\r\n\r\nx", BodyKind::kFixed, "x",
       false},
      {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", BodyKind::kFixed, "x", false},
      {"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", BodyKind::kFixed, "x", false},
      {"GET", "HTTP/1.1 200 OK\r\n\r\nuntil the end", BodyKind::kUntilClose, "until the end", false},
  };
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(shape.answer);
    connect_and_accept();
    ask(shape.method);
    sandbox_.send(shape.answer);
    if (shape.kind == BodyKind::kUntilClose) sandbox_.shutdown_write();
    ASSERT_EQ(head(), HeadReadStatus::kHead);
    EXPECT_EQ(framing_.kind, shape.kind);
    std::string bytes;
    EXPECT_EQ(body(bytes), ReadStatus::kEnd);
    EXPECT_EQ(bytes, shape.body);
    EXPECT_EQ(connection_->reusable(), shape.reusable);
    retire();
  }
}

TEST_F(ClientTest, SurplusBytesSpoilTheConnection) {
  connect_and_accept();
  ask();
  sandbox_.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  ASSERT_EQ(head(), HeadReadStatus::kHead);
  std::string bytes;
  EXPECT_EQ(body(bytes), ReadStatus::kEnd);
  EXPECT_EQ(bytes, "x");
  EXPECT_FALSE(connection_->reusable()) << "an answer nobody asked for must not meet the next request";
}

TEST_F(ClientTest, SurplusBytesInTheSocketSpoilItToo) {
  for (const std::string& surplus : {std::string(), std::string("surplus")}) {
    connect_and_accept();
    ask();
    const std::string big(100'000, 'b');
    sandbox_.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(big.size()) + "\r\n\r\n");
    ASSERT_EQ(head(), HeadReadStatus::kHead);
    sandbox_.send(big + surplus);
    world_.idle(3);
    // Spliced to its last byte, so that what is behind it was never seen: it is still in the kernel.
    auto pipe = world_.loop.pipes().take();
    ASSERT_TRUE(world_.until([&] {
      uint64_t moved = 0;
      if (connection_->opaque_readable() > 0) {
        connection_->splice_in(*pipe, big.size(), moved);
      } else {
        connection_->read();  // a short rest is copied
      }
      return connection_->read_complete();
    }));
    world_.loop.pipes().give(std::move(pipe));
    EXPECT_EQ(connection_->reusable(), surplus.empty());
    retire();
  }
}

TEST_F(ClientTest, AnUnfinishedRequestKeepsItFromThePool) {
  connect_and_accept();
  ask("POST", Framing{BodyKind::kFixed, 10});
  sandbox_.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(head(), HeadReadStatus::kHead);
  std::string bytes;
  EXPECT_EQ(body(bytes), ReadStatus::kEnd);
  EXPECT_FALSE(connection_->reusable()) << "the rest of our body would be read as a request";
  connection_->write("0123456789");
  connection_->end({});
  connection_->flush();
  EXPECT_TRUE(connection_->reusable());
}

TEST_F(ClientTest, AStaleConnectionIsFound) {
  for (const bool look : {true, false}) {
    connect_and_accept();
    ask();
    sandbox_.send("HTTP/1.1 204 No Content\r\n\r\n");
    ASSERT_EQ(head(), HeadReadStatus::kHead);
    ASSERT_TRUE(connection_->reusable());
    connection_->become_idle();
    sandbox_.close();
    if (look) {  // before the loop has heard of it
      ASSERT_TRUE(world_.until([&] { return !connection_->begin_reuse(true); }));
    } else {
      ASSERT_TRUE(world_.until([&] { return connection_->spoiled(); }));
      EXPECT_FALSE(connection_->begin_reuse(false));
    }
    retire();
  }
}

TEST_F(ClientTest, AReusedConnectionThatDiesUnansweredMayBeReplayed) {
  for (const bool reused : {true, false}) {
    connect_and_accept();
    if (reused) {
      ask();
      sandbox_.send("HTTP/1.1 204 No Content\r\n\r\n");
      ASSERT_EQ(head(), HeadReadStatus::kHead);
      ASSERT_TRUE(connection_->reusable());
      connection_->become_idle();
      ASSERT_TRUE(connection_->begin_reuse(false));
    }
    ask();
    sandbox_.reset();
    ASSERT_EQ(head(), HeadReadStatus::kFailed);
    EXPECT_EQ(connection_->failure().code, Code::kUpstreamReset);
    EXPECT_EQ(connection_->failure().side, Side::kUpstream);
    EXPECT_EQ(connection_->failure().retry, reused ? Retry::kIfReused : Retry::kNever);
    retire();
  }
}

TEST_F(ClientTest, NotOnceAByteOfAnAnswerHasCome) {
  connect_and_accept();
  ask();
  sandbox_.send("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_EQ(head(), HeadReadStatus::kHead);
  ASSERT_TRUE(connection_->reusable());
  connection_->become_idle();
  ASSERT_TRUE(connection_->begin_reuse(true));
  ask();
  sandbox_.send("H");
  ASSERT_EQ(head(Millis(20)), HeadReadStatus::kBlocked);
  EXPECT_TRUE(connection_->answered());
  sandbox_.shutdown_write();
  ASSERT_EQ(head(), HeadReadStatus::kFailed);
  EXPECT_EQ(connection_->failure().retry, Retry::kNever);
}

TEST_F(ClientTest, AnEarlyAnswerBeforeACloseCanBeRead) {
  connect_and_accept();
  const std::string body_bytes(4'000'000, 'u');
  ask("POST", Framing{BodyKind::kFixed, body_bytes.size()});
  EXPECT_TRUE(connection_->write(std::string_view(body_bytes).substr(0, 500'000)));
  ASSERT_TRUE(sandbox_gets("\r\n\r\n"));
  sandbox_.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
  world_.idle(3);
  sandbox_.close();  // with bytes of ours unread: a reset
  ASSERT_TRUE(world_.until([&] {
    connection_->write("u");
    connection_->flush();
    return connection_->broken();
  })) << "sending fails";
  ASSERT_EQ(head(), HeadReadStatus::kHead) << "what the sandbox said counts";
  EXPECT_EQ(head_->status, 413);
  std::string bytes;
  EXPECT_EQ(body(bytes), ReadStatus::kEnd);
  EXPECT_EQ(bytes, "no");
  EXPECT_FALSE(connection_->reusable());
}

TEST_F(ClientTest, AnInterimAnswerIsNotTheAnswer) {
  connect_and_accept();
  ask();
  sandbox_.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  ASSERT_EQ(head(), HeadReadStatus::kHead);
  EXPECT_EQ(head_->status, 100);
  EXPECT_FALSE(connection_->read_complete());
  ASSERT_EQ(head(), HeadReadStatus::kHead);
  EXPECT_EQ(head_->status, 103);
  EXPECT_EQ(head(Millis(10)), HeadReadStatus::kBlocked);
  EXPECT_FALSE(connection_->reusable());
  sandbox_.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(head(), HeadReadStatus::kHead);
  EXPECT_EQ(head_->status, 200);
  EXPECT_TRUE(connection_->reusable());
}

TEST_F(ClientTest, A101GivesTheSocketAway) {
  connect_and_accept();
  http::RequestOut out;
  out.method = "GET";
  out.target = "/ws";
  out.authority = "sandbox";
  out.upgrade = "websocket";
  connection_->request(out, {});
  connection_->flush();
  ASSERT_TRUE(sandbox_gets("\r\n\r\n"));
  EXPECT_EQ(sandbox_.received(),
            "GET /ws HTTP/1.1\r\nHost: sandbox\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  sandbox_.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframe");
  ASSERT_EQ(head(), HeadReadStatus::kHead);
  EXPECT_EQ(head_->status, 101);
  RawEnd raw = connection_->detach();
  EXPECT_EQ(raw.unread.view(), "frame");
  retire();
  world_.turn();
  sandbox_.pull();
  EXPECT_FALSE(sandbox_.closed());
  world_.loop.retire(std::move(raw.socket));
}

// --- what a sandbox may not do
// ---------------------------------------------------------------------------------

TEST_F(ClientTest, BadAnswersFailAsSuch) {
  std::vector<std::string> bad;
  for (const std::string_view bytes : http::h1::testing::bad_response_heads()) bad.emplace_back(bytes);
  for (const char* fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"}) {
    bad.push_back("HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n\r\n");
  }
  bad.push_back("HTTP/1.0 100 Continue\r\n\r\n");
  bad.push_back("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  uint64_t counted = 0;
  for (const std::string& bytes : bad) {
    connect_and_accept();
    ask();
    sandbox_.send(bytes);
    ASSERT_EQ(head(), HeadReadStatus::kFailed) << ::testing::PrintToString(bytes);
    EXPECT_EQ(connection_->failure().code, Code::kBadResponse);
    EXPECT_EQ(connection_->failure().retry, Retry::kNever);
    EXPECT_FALSE(connection_->reusable());
    EXPECT_EQ(context_.counters.malformed_responses, ++counted);
    retire();
  }
}

TEST_F(ClientTest, AHeadThatIsTooLarge) {
  context_.upstream_head.head_bytes_max = 1024;
  for (const size_t size : {size_t{1024}, size_t{1025}, size_t{100'000}}) {
    connect_and_accept();
    ask();
    const std::string start = "HTTP/1.1 200 OK\r\nX: ";
    sandbox_.send(start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n");
    EXPECT_EQ(head(), size <= 1024 ? HeadReadStatus::kHead : HeadReadStatus::kFailed) << size;
    retire();
  }
  connect_and_accept();
  ask();
  sandbox_.send("HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x'));
  EXPECT_EQ(head(), HeadReadStatus::kFailed) << "known before it ends";
}

TEST_F(ClientTest, AnEmptyAnswerIsACut) {
  connect_and_accept();
  ask();
  sandbox_.close();
  ASSERT_EQ(head(), HeadReadStatus::kFailed);
  EXPECT_EQ(connection_->failure().code, Code::kUpstreamReset);
}

TEST_F(ClientTest, ACutBodyIsNeverWhole) {
  for (const char* start : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234"}) {
    connect_and_accept();
    ask();
    sandbox_.send(start);
    sandbox_.shutdown_write();
    ASSERT_EQ(head(), HeadReadStatus::kHead);
    std::string bytes;
    EXPECT_EQ(body(bytes), ReadStatus::kAborted) << start;
    EXPECT_EQ(bytes, "01234");
    EXPECT_FALSE(connection_->read_complete());
    EXPECT_EQ(connection_->failure().code, Code::kUpstreamReset);
    retire();
  }
  // A body that ends with the connection is cut by a reset.
  connect_and_accept();
  ask();
  sandbox_.send("HTTP/1.1 200 OK\r\n\r\n01234");
  ASSERT_EQ(head(), HeadReadStatus::kHead);
  world_.idle(3);
  sandbox_.reset();
  std::string bytes;
  EXPECT_EQ(body(bytes), ReadStatus::kAborted);
}

TEST_F(ClientTest, AResetThatAWriteWasToldOfIsStillACut) {
  // The kernel tells of a reset once: after a write has heard, the next read says EOF, which would end such a body.
  for (const bool fin_first : {false, true}) {
    connect_and_accept();
    ask("POST", Framing{BodyKind::kFixed, 4'000'000});
    EXPECT_TRUE(connection_->write("some"));
    connection_->flush();
    ASSERT_TRUE(sandbox_gets("\r\n\r\nsome"));
    sandbox_.send("HTTP/1.1 413 Content Too Large\r\n\r\n01234");
    ASSERT_EQ(head(), HeadReadStatus::kHead);
    EXPECT_TRUE(connection_->write("more"));
    connection_->flush();
    world_.idle(3);
    if (fin_first) sandbox_.shutdown_write();
    world_.idle(3);
    sandbox_.close();  // with bytes of ours unread: a reset
    ASSERT_TRUE(world_.until([&] {
      connection_->write("u");
      connection_->flush();
      return connection_->broken();
    }));
    std::string bytes;
    EXPECT_EQ(body(bytes), fin_first ? ReadStatus::kEnd : ReadStatus::kAborted);
    EXPECT_EQ(bytes, "01234");
    EXPECT_EQ(connection_->read().status, fin_first ? ReadStatus::kEnd : ReadStatus::kAborted) << "and says so again";
    retire();
  }
}

TEST_F(ClientTest, ABrokenChunkFails) {
  connect_and_accept();
  ask();
  sandbox_.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX");
  ASSERT_EQ(head(), HeadReadStatus::kHead);
  std::string bytes;
  EXPECT_EQ(body(bytes), ReadStatus::kAborted);
  EXPECT_EQ(connection_->failure().code, Code::kBadResponse);
  EXPECT_FALSE(connection_->reusable());
}

TEST_F(ClientTest, RefusedIsRetriable) {
  listener_.close();
  connect();
  ask();
  ASSERT_TRUE(world_.until([&] { return connection_->connect_state() == H1ClientConnection::Connect::kFailed; }));
  EXPECT_EQ(connection_->failure().code, Code::kConnectFailed);
  EXPECT_EQ(connection_->failure().retry, Retry::kAlways) << "nothing was sent";
  EXPECT_FALSE(connection_->sent_anything());
  EXPECT_EQ(head(Millis(1)), HeadReadStatus::kFailed);
}

}  // namespace
}  // namespace sandgate::wire
