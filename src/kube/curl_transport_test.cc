#include "kube/curl_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "kube/http_test_server.h"

namespace sandgate::kube {
namespace {

using testing::chunk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpTestServer;
using testing::KeyPair;
using testing::make_certificate;
using ::testing::Not;
using testing::Peer;
using testing::response;
using Why = StreamEnd::Why;
using SteadyClock = std::chrono::steady_clock;

ClusterAccess access_to(const std::string& server, const std::string& token = "t0k") {
  ClusterAccess access;
  access.server = server;
  Credential credential;
  credential.bearer_token = Secret(token);
  access.credentials = static_credentials(std::move(credential));
  return access;
}

std::unique_ptr<KubeTransport> transport_to(ClusterAccess access) {
  auto made = make_curl_transport(std::move(access));
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

Request get(const std::string& path) {
  Request out;
  out.path = path;
  out.timeout = Millis(10'000);
  return out;
}

/// Gives tokens one after the other, a new one after each invalidate().
class Rotating final : public CredentialSource {
 public:
  Result<Credential> get(std::stop_token) override {
    Credential out;
    out.bearer_token = Secret("token" + std::to_string(number_.load()));
    return out;
  }
  void invalidate() override { ++number_; }

 private:
  std::atomic<int> number_{0};
};

class Gather final : public StreamSink {
 public:
  void on_open() override { told.push_back("open"); }
  bool on_bytes(std::string_view bytes) override {
    told.emplace_back(bytes);
    if (on_each) on_each();
    return !refuse;
  }
  Millis idle_limit() override { return idle; }

  std::vector<std::string> told;
  std::function<void()> on_each;
  bool refuse = false;
  Millis idle{10'000};
};

void wait_until_blocked() {
  // Nothing tells that another thread has gone to wait; and libcurl itself looks up once, 200 ms after a connect.
  // allow(sleep): the kernel has no event for this
  std::this_thread::sleep_for(Millis(300));
}

// ---- one-shot calls

TEST(CurlTransportTest, AskAndAnswer) {
  std::string seen;
  HttpTestServer server([&](Peer& peer) {
    seen = peer.read_request();
    peer.write(response(200, "{\"a\":1}", "X-One: 1\r\nRetry-After:  7 \r\n"));
  });
  ClusterAccess access = access_to(server.address() + "/prefix");
  access.headers = {{"Impersonate-User", "eve"}};
  Request request = get("/apis/x%20y?limit=1&a=..%2F");
  request.headers = {{"X-More", "yes"}};
  const auto answer = transport_to(access)->request(request, {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "{\"a\":1}");
  EXPECT_EQ(answer->header("retry-after"), "7");
  EXPECT_EQ(answer->header("x-two"), std::nullopt);
  EXPECT_THAT(seen, HasSubstr("GET /prefix/apis/x%20y?limit=1&a=..%2F HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nAuthorization: Bearer t0k\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nAccept: application/json\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nImpersonate-User: eve\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nX-More: yes\r\n"));
}

TEST(CurlTransportTest, BodiesAndMethods) {
  std::vector<std::string> seen;
  HttpTestServer server([&](Peer& peer) {
    for (std::string text = peer.read_request(); !text.empty(); text = peer.read_request()) {
      seen.push_back(text);
      peer.write(response(201, ""));
    }
  });
  {
    const auto transport = transport_to(access_to(server.address()));
    for (const char* method : {"POST", "PATCH", "PUT", "DELETE", "GET"}) {
      Request request = get("/x");
      request.method = method;
      if (request.method != "GET") request.body = "{\"m\":1}";
      if (request.method == "PATCH") request.content_type = "application/merge-patch+json";
      const auto answer = transport->request(request, {});
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_EQ(answer->status, 201);
    }
    Request empty = get("/x");
    empty.method = "POST";
    EXPECT_TRUE(transport->request(empty, {}));
  }
  ASSERT_EQ(seen.size(), 6U);
  EXPECT_THAT(seen[0], HasSubstr("POST /x"));
  EXPECT_THAT(seen[0], HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(seen[0], HasSubstr("\r\n\r\n{\"m\":1}"));
  EXPECT_THAT(seen[0], Not(HasSubstr("Expect")));
  EXPECT_THAT(seen[1], HasSubstr("\r\nContent-Type: application/merge-patch+json\r\n"));
  EXPECT_THAT(seen[3], HasSubstr("DELETE /x"));
  EXPECT_THAT(seen[3], HasSubstr("{\"m\":1}"));
  EXPECT_THAT(seen[4], Not(HasSubstr("Content-")));
  EXPECT_THAT(seen[5], HasSubstr("\r\nContent-Length: 0\r\n"));
  EXPECT_EQ(server.connections(), 1);  // kept and used again
}

TEST(CurlTransportTest, EveryStatusIsAnAnswerAndNoRedirectIsFollowed) {
  HttpTestServer server([&](Peer& peer) {
    for (const int status : {404, 302, 500}) {
      if (peer.read_request().empty()) return;
      peer.write(response(status, "body", status == 302 ? "Location: /elsewhere\r\n" : ""));
    }
  });
  const auto transport = transport_to(access_to(server.address()));
  for (const int status : {404, 302, 500}) {
    const auto answer = transport->request(get("/x"), {});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, status);
    EXPECT_EQ(answer->body, "body");
  }
}

TEST(CurlTransportTest, AnInterimAnswerIsNotTheAnswer) {
  HttpTestServer server([&](Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 103 Early Hints\r\nX-One: 1\r\n\r\n" + response(200, "ok", "X-Two: 2\r\n"));
  });
  const auto answer = transport_to(access_to(server.address()))->request(get("/x"), {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->header("x-one"), std::nullopt);
  EXPECT_EQ(answer->header("x-two"), "2");
}

TEST(CurlTransportTest, ARefusedTokenIsReadAgainAndTheCallRepeatedOnce) {
  std::vector<std::string> seen;
  HttpTestServer server([&](Peer& peer) {
    for (std::string text = peer.read_request(); !text.empty(); text = peer.read_request()) {
      seen.push_back(text);
      const bool good = text.find("Bearer token1") != std::string::npos;
      peer.write(good ? response(200, "in") : response(401, "out"));
    }
  });
  ClusterAccess access = access_to(server.address());
  access.credentials = std::make_shared<Rotating>();
  {
    const auto transport = transport_to(access);
    const auto answer = transport->request(get("/x"), {});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "in");
    access.credentials->invalidate();  // token2: refused, and so is the next
    EXPECT_EQ(transport->request(get("/x"), {})->status, 401);
    Gather sink;
    const auto end = transport->stream(get("/w"), sink, {});
    ASSERT_TRUE(end);
    EXPECT_EQ(end->why, Why::kStatus);
    EXPECT_EQ(end->response.body, "out");
    EXPECT_THAT(sink.told, ElementsAre());
  }
  EXPECT_EQ(seen.size(), 6U);
}

TEST(CurlTransportTest, WithoutAnotherTokenThereIsNoSecondCall) {
  std::atomic<int> calls{0};
  HttpTestServer server([&](Peer& peer) {
    while (!peer.read_request().empty()) {
      ++calls;
      peer.write(response(401, ""));
    }
  });
  EXPECT_EQ(transport_to(access_to(server.address()))->request(get("/x"), {})->status, 401);
  EXPECT_EQ(calls, 1);
}

TEST(CurlTransportTest, AnswersHaveALimit) {
  HttpTestServer server([&](Peer& peer) {
    while (!peer.read_request().empty()) peer.write(response(200, std::string(1'001, 'x')));
  });
  const auto transport = transport_to(access_to(server.address()));
  Request request = get("/x?secret=1");
  request.response_bytes_max = 1'001;
  EXPECT_TRUE(transport->request(request, {}));
  request.response_bytes_max = 1'000;
  const auto answer = transport->request(request, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "GET " + server.address() + "/x: the answer is longer than 1000 bytes");
}

TEST(CurlTransportTest, ASilentServerTakesNoLongerThanTheTimeout) {
  HttpTestServer server([&](Peer& peer) { peer.wait_for_close(); });
  Request request = get("/x");
  request.timeout = Millis(50);
  const auto answer = transport_to(access_to(server.address()))->request(request, {});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("no whole answer within 50 ms"));
}

TEST(CurlTransportTest, NobodyThere) {
  uint16_t port = 0;
  {
    HttpTestServer gone([](Peer&) {});
    port = gone.port();
  }
  const auto answer = transport_to(access_to("http://127.0.0.1:" + std::to_string(port)))->request(get("/x"), {});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("GET http://127.0.0.1:" + std::to_string(port) + "/x: "));
}

TEST(CurlTransportTest, AStopEndsABlockedCall) {
  std::atomic<bool> arrived{false};
  HttpTestServer server([&](Peer& peer) {
    peer.read_request();
    arrived = true;
    arrived.notify_all();
    peer.wait_for_close();
  });
  const auto transport = transport_to(access_to(server.address()));
  std::stop_source stop;
  std::string message;
  std::thread caller([&] { message = transport->request(get("/x"), stop.get_token()).error().message; });
  arrived.wait(false);
  wait_until_blocked();
  const auto begun = SteadyClock::now();
  stop.request_stop();
  caller.join();
  EXPECT_EQ(message, kStopped);
  EXPECT_LT(SteadyClock::now() - begun, Seconds(2));
}

TEST(CurlTransportTest, NothingCanBeSmuggledIn) {
  HttpTestServer server([&](Peer& peer) { peer.wait_for_close(); });
  const auto transport = transport_to(access_to(server.address()));
  EXPECT_FALSE(transport->request(get("/x\r\nX: y"), {}));
  EXPECT_FALSE(transport->request(get("x"), {}));
  Request request = get("/x");
  request.headers = {{"A", "b\r\nC: d"}};
  EXPECT_FALSE(transport->request(request, {}));
  EXPECT_FALSE(transport_to(access_to(server.address(), "a\r\nb"))->request(get("/x"), {}));
  EXPECT_EQ(server.connections(), 0);
  EXPECT_FALSE(make_curl_transport(access_to("gopher://x")));
  ClusterAccess access = access_to(server.address());
  access.proxy_url = "file:///etc/passwd";
  EXPECT_FALSE(make_curl_transport(access));
}

// ---- streams

TEST(CurlTransportTest, AStreamComesAsItIsSent) {
  std::atomic<int> got{0};
  HttpTestServer server([&](Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      peer.write(chunk("event" + std::to_string(i) + "\n"));
      got.wait(i);  // the next only when this one has arrived
    }
    peer.write("0\r\n\r\n");
    peer.wait_for_close();
  });
  Gather sink;
  sink.on_each = [&] {
    ++got;
    got.notify_all();
  };
  const auto end = transport_to(access_to(server.address()))->stream(get("/w"), sink, {});
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->why, Why::kEnd);
  EXPECT_THAT(sink.told, ElementsAre("open", "event0\n", "event1\n", "event2\n"));
}

TEST(CurlTransportTest, WaysAStreamEnds) {
  const struct {
    std::string sent;
    bool close;
    Why why;
  } cases[] = {
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("a") + "0\r\n\r\n", false, Why::kEnd},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("a"), true, Why::kLost},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true, Why::kLost},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false, Why::kLost},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("a"), false, Why::kIdle},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, Why::kIdle},
      {response(410, "gone"), false, Why::kStatus},
  };
  for (const auto& one : cases) {
    HttpTestServer server([&](Peer& peer) {
      peer.read_request();
      peer.write(one.sent);
      if (!one.close) peer.wait_for_close();
    });
    Gather sink;
    if (one.why == Why::kIdle) sink.idle = Millis(60);
    const auto end = transport_to(access_to(server.address()))->stream(get("/w"), sink, {});
    ASSERT_TRUE(end) << end.error().message;
    EXPECT_EQ(static_cast<int>(end->why), static_cast<int>(one.why)) << one.sent;
    EXPECT_EQ(end->error.empty(), one.why != Why::kLost && one.why != Why::kIdle) << end->error;
  }
}

TEST(CurlTransportTest, ADeadlineAndARefusalEndAStream) {
  HttpTestServer server([&](Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("a"));
    peer.wait_for_close();
  });
  const auto transport = transport_to(access_to(server.address()));
  Gather sink;
  Request request = get("/w");
  request.timeout = Millis(60);
  EXPECT_EQ(transport->stream(request, sink, {})->why, Why::kDeadline);
  sink.refuse = true;
  request.timeout = Millis(0);
  EXPECT_EQ(transport->stream(request, sink, {})->why, Why::kRefused);
}

TEST(CurlTransportTest, WithoutAHeadAStreamIsAnError) {
  HttpTestServer silent([&](Peer& peer) { peer.wait_for_close(); });
  Gather sink;
  sink.idle = Millis(60);
  const auto end = transport_to(access_to(silent.address()))->stream(get("/w"), sink, {});
  ASSERT_FALSE(end);
  EXPECT_THAT(end.error().message, HasSubstr("nothing came for 60 ms"));
  HttpTestServer rude([&](Peer& peer) { peer.read_request(); });
  EXPECT_FALSE(transport_to(access_to(rude.address()))->stream(get("/w"), sink, {}));
}

TEST(CurlTransportTest, AnErrorBodyIsCutAtItsLimit) {
  HttpTestServer server([&](Peer& peer) {
    peer.read_request();
    peer.write(response(403, std::string(300'000, 'x')));
    peer.wait_for_close();
  });
  Gather sink;
  const auto end = transport_to(access_to(server.address()))->stream(get("/w"), sink, {});
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->why, Why::kStatus);
  EXPECT_EQ(end->response.body.size(), kErrorBodyBytesMax);
  EXPECT_THAT(sink.told, ElementsAre());
}

TEST(CurlTransportTest, AStopEndsAStreamThatIsSilent) {
  HttpTestServer server([&](Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("a"));
    peer.wait_for_close();
  });
  const auto transport = transport_to(access_to(server.address()));
  std::atomic<bool> arrived{false};
  Gather sink;
  sink.idle = Millis(0);
  sink.on_each = [&] {
    arrived = true;
    arrived.notify_all();
  };
  Request request = get("/w");
  request.timeout = Millis(0);
  std::stop_source stop;
  std::string message;
  std::thread caller([&] { message = transport->stream(request, sink, stop.get_token()).error().message; });
  arrived.wait(false);
  wait_until_blocked();
  const auto begun = SteadyClock::now();
  stop.request_stop();
  caller.join();
  EXPECT_EQ(message, kStopped);
  EXPECT_LT(SteadyClock::now() - begun, Seconds(2));
}

TEST(CurlTransportTest, ManyThreadsAtOnce) {
  HttpTestServer server([&](Peer& peer) {
    while (!peer.read_request().empty()) peer.write(response(200, "ok"));
  });
  const auto transport = transport_to(access_to(server.address()));
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) {
        const auto answer = transport->request(get("/x"), {});
        if (answer && answer->body == "ok") ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 120);
  EXPECT_LE(server.connections(), 6);
}

// ---- the way there

TEST(CurlTransportTest, ATokenIsNotSentInTheClearToAnotherMachine) {
  std::string seen;
  HttpTestServer proxy([&](Peer& peer) {
    seen = peer.read_request();
    peer.write(response(200, "by proxy"));
  });
  ClusterAccess access = access_to("http://kube.example:8080");
  access.proxy_url = proxy.address();
  const auto answer = transport_to(access)->request(get("/x"), {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "by proxy");
  EXPECT_THAT(seen, HasSubstr("GET http://kube.example:8080/x HTTP/1.1\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Authorization")));
}

TEST(CurlTransportTest, TlsGoesThroughAProxyByConnect) {
  std::string seen;
  HttpTestServer proxy([&](Peer& peer) {
    seen = peer.read_request();
    peer.write("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  });
  ClusterAccess access = access_to("https://kube.example:6443");
  access.proxy_url = proxy.address();
  const auto answer = transport_to(access)->request(get("/x"), {});
  ASSERT_FALSE(answer);
  EXPECT_THAT(seen, HasSubstr("CONNECT kube.example:6443 HTTP/1.1\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Bearer")));
}

class CurlTransportTlsTest : public ::testing::Test {
 protected:
  static void serve(Peer& peer) {
    for (std::string text = peer.read_request(); !text.empty(); text = peer.read_request()) {
      const size_t at = text.find("Host: ");
      peer.write(response(200, text.substr(at, text.find('\r', at) - at)));
    }
  }
  ClusterAccess access_with_ca(const HttpTestServer& server, const KeyPair& ca) {
    ClusterAccess access = access_to(server.address());
    access.ca_pem = ca.certificate_pem;
    return access;
  }

  const KeyPair ca_ = make_certificate("authority");
  const KeyPair other_ca_ = make_certificate("other authority");
};

TEST_F(CurlTransportTlsTest, TheRightAuthorityIsTrustedAnotherIsNot) {
  const KeyPair identity = make_certificate("127.0.0.1", &ca_);
  HttpTestServer server(&serve, &identity);
  EXPECT_TRUE(transport_to(access_with_ca(server, ca_))->request(get("/x"), {}));
  EXPECT_EQ(server.served(), 1);
  const auto refused = transport_to(access_with_ca(server, other_ca_))->request(get("/x"), {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("certificate"));
  EXPECT_FALSE(transport_to(access_to(server.address()))->request(get("/x"), {}));  // nor do those of the system
  ClusterAccess broken = access_with_ca(server, ca_);
  broken.ca_pem = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";
  EXPECT_FALSE(transport_to(broken)->request(get("/x"), {}));
}

TEST_F(CurlTransportTlsTest, TheNameMustFit) {
  const KeyPair identity = make_certificate("kubernetes.default", &ca_);
  HttpTestServer server(&serve, &identity);
  EXPECT_FALSE(transport_to(access_with_ca(server, ca_))->request(get("/x"), {}));
  ClusterAccess named = access_with_ca(server, ca_);
  named.tls_server_name = "kubernetes.default";
  const auto answer = transport_to(named)->request(get("/x"), {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "Host: 127.0.0.1:" + std::to_string(server.port()));
  named.tls_server_name = "kubernetes.other";
  EXPECT_FALSE(transport_to(named)->request(get("/x"), {}));
}

TEST_F(CurlTransportTlsTest, WithoutChecksOnlyWhenToldSo) {
  const KeyPair identity = make_certificate("somebody.else", &other_ca_);
  HttpTestServer server(&serve, &identity);
  ClusterAccess access = access_to(server.address());
  EXPECT_FALSE(transport_to(access)->request(get("/x"), {}));
  access.insecure_skip_tls_verify = true;
  EXPECT_TRUE(transport_to(access)->request(get("/x"), {}));
}

TEST_F(CurlTransportTlsTest, ClientCertificates) {
  const KeyPair identity = make_certificate("127.0.0.1", &ca_);
  const KeyPair client = make_certificate("alice", &ca_);
  HttpTestServer server(&serve, &identity, ca_.certificate_pem);
  ClusterAccess access = access_with_ca(server, ca_);
  EXPECT_FALSE(transport_to(access)->request(get("/x"), {}));
  Credential credential;
  credential.client_certificate_pem = client.certificate_pem;
  credential.client_key_pem = Secret(client.key_pem);
  access.credentials = static_credentials(credential);
  const auto answer = transport_to(access)->request(get("/x"), {});
  EXPECT_TRUE(answer) << answer.error().message;
  const KeyPair stranger = make_certificate("mallory", &other_ca_);
  credential.client_certificate_pem = stranger.certificate_pem;
  credential.client_key_pem = Secret(stranger.key_pem);
  access.credentials = static_credentials(credential);
  EXPECT_FALSE(transport_to(access)->request(get("/x"), {}));
}

TEST(CurlTransportTest, APasswordIsSentAsBasic) {
  std::string seen;
  HttpTestServer server([&](Peer& peer) {
    seen = peer.read_request();
    peer.write(response(200, ""));
  });
  ClusterAccess access = access_to(server.address());
  Credential credential;
  credential.basic_user = "admin";
  credential.basic_password = Secret("pass:word");
  access.credentials = static_credentials(credential);
  EXPECT_TRUE(transport_to(access)->request(get("/x"), {}));
  EXPECT_THAT(seen, HasSubstr("\r\nAuthorization: Basic YWRtaW46cGFzczp3b3Jk\r\n"));
}

}  // namespace
}  // namespace sandgate::kube
