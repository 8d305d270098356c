// Commands and files through the public interface, against a scripted server in Direct mode.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <sandgate/client.hpp>

#include "client/test_server.h"

namespace sandgate::client {
namespace {

using ::testing::HasSubstr;
constexpr RetryPolicy kQuick{.max_attempts = 6, .base = Millis(1), .cap = Millis(2)};

/// A client in Direct mode with one sandbox "box" in namespace "lab".
struct World {
  explicit World(TestServer::Handler handler) : World(std::move(handler), Direct{}) {}
  World(TestServer::Handler handler, Direct direct, std::shared_ptr<Observer> observer = {})
      : server(std::move(handler)) {
    direct.api_url = server.url() + direct.api_url;
    client.emplace(v1::Client::open({.connection = direct, .observer = std::move(observer)}).value());
    sandbox.emplace(client->connect("box", "lab").value());
  }
  TestServer server;
  std::optional<v1::Client> client;
  std::optional<v1::Sandbox> sandbox;
  Seen last() const { return server.seen().back(); }
};

Answer run_answer() { return Answer::json(R"({"stdout":"hi\n","stderr":"","exit_code":0})"); }

TEST(Run, RequestAsTheContractSays) {
  World world([](const Seen&) { return run_answer(); },
              Direct{.api_url = "/base/", .extra_headers = {{"X-Team", "a"}}});
  const auto result = world.sandbox->commands().run("echo hi").value();
  EXPECT_EQ(result.out, "hi\n");
  EXPECT_EQ(result.exit_code, 0);
  const Seen seen = world.last();
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/base/execute");
  EXPECT_EQ(seen.body, R"({"command":"echo hi"})");
  EXPECT_EQ(seen.header("Content-Type"), "application/json");
  EXPECT_EQ(seen.header("X-Sandbox-ID"), "box");
  EXPECT_EQ(seen.header("X-Sandbox-Namespace"), "lab");
  EXPECT_EQ(seen.header("X-Sandbox-Port"), "8888");
  EXPECT_EQ(seen.header("X-Sandbox-Timeout"), "60");
  EXPECT_EQ(seen.header("X-Team"), "a");
  EXPECT_EQ(seen.header("X-Request-ID").size(), 16u);
  EXPECT_EQ(seen.header("Accept-Encoding"), "identity");
  EXPECT_EQ(seen.header("Expect"), "");
  EXPECT_EQ(seen.header("X-Sandbox-Pod-IP"), "");
}

TEST(Run, CommandTimeoutIsTold) {
  World world([](const Seen&) { return run_answer(); });
  ASSERT_TRUE(world.sandbox->commands().run("x", {.timeout = Millis(2000), .command_timeout = Millis(2500)}));
  EXPECT_EQ(world.last().header("X-Sandbox-Timeout"), "12.5");
  EXPECT_THAT(world.last().body, HasSubstr(R"("timeout_seconds":2.5)"));
}

TEST(Run, NotOnThisRuntime) {
  World world([](const Seen&) { return run_answer(); });
  EXPECT_EQ(world.sandbox->commands().run("x", {.cwd = "d"}).error().code, Errc::unsupported);
  EXPECT_EQ(world.sandbox->commands().run("x", {.env = {{"A", "1"}}}).error().code, Errc::unsupported);
  EXPECT_EQ(world.sandbox->files().remove("x").error().code, Errc::unsupported);
  EXPECT_EQ(world.server.count(), 0u);
}

TEST(Start, IsNotSpokenYet) {
  World world([](const Seen&) { return run_answer(); });
  const auto started = world.sandbox->commands().start({"cat"}, {.cwd = "d", .pty = std::pair(80U, 24U)});
  EXPECT_EQ(started.error().code, Errc::unsupported);
  EXPECT_THAT(started.error().message, HasSubstr("gRPC"));
  EXPECT_EQ(world.sandbox->commands().start({}).error().code, Errc::invalid_argument);
  auto sandbox = world.client->async().connect("box").value();
  EXPECT_EQ(sync_wait(sandbox.commands().start({"cat"})).error().code, Errc::unsupported);
  EXPECT_EQ(world.server.count(), 0u);
}

TEST(Run, NeverSentTwice) {
  for (const auto& answer :
       {Answer::cut(), Answer::of(502, "{}"), Answer::of(500, ""), Answer::of(503, "", "Retry-After: 0\r\n")}) {
    World world([&](const Seen&) { return answer; });
    const auto result = world.sandbox->commands().run("x", {.retry = kQuick});
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().maybe_executed);
    EXPECT_EQ(world.server.count(), 1u);
  }
}

TEST(Run, NeverSentTwiceOnAKeptConnection) {
  // The connection dies after the second request has been read on it: curl alone would send it again.
  std::atomic<int> number{0};
  World world([&](const Seen&) { return ++number == 1 ? run_answer() : Answer::cut(); });
  ASSERT_TRUE(world.sandbox->commands().run("a"));
  const auto second = world.sandbox->commands().run("b", {.retry = kQuick});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::transport);
  EXPECT_TRUE(second.error().maybe_executed);
  EXPECT_EQ(world.server.count(), 2u);
}

TEST(Run, ConnectionsAreKept) {
  World world([](const Seen&) { return run_answer(); });
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(world.sandbox->commands().run("a"));
  EXPECT_EQ(world.server.connections(), 1);
}

TEST(Run, TriedAgainWhenNothingWasForwarded) {
  std::atomic<int> number{0};
  World world([&](const Seen&) {
    return ++number < 4 ? Answer::of(number == 1 ? 502 : 503, "{}", "X-Sandgate-Forwarded: no\r\n") : run_answer();
  });
  ASSERT_TRUE(world.sandbox->commands().run("x", {.retry = kQuick}));
  const auto seen = world.server.seen();
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].header("X-Request-ID"), seen[3].header("X-Request-ID"));
}

TEST(Run, TriedAgainWhenNobodyListens) {
  const std::string url = "http://127.0.0.1:" + std::to_string(closed_port());
  auto client = v1::Client::open({.connection = Direct{.api_url = url}}).value();
  auto sandbox = client.connect("box").value();
  const auto begin = std::chrono::steady_clock::now();
  const auto result =
      sandbox.commands().run("x", {.retry = RetryPolicy{.max_attempts = 4, .base = Millis(20), .jitter = false}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::transport);
  EXPECT_FALSE(result.error().maybe_executed);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, Millis(20 + 40 + 80));
  EXPECT_THAT(result.error().message, HasSubstr(url));
}

TEST(Get, TriedSixTimes) {
  for (const auto& answer : {Answer::cut(), Answer::of(502, "{}"), Answer::of(503, "", "Retry-After: 0\r\n"),
                             Answer::of(429, "", "Retry-After: 0\r\n")}) {
    World world([&](const Seen&) { return answer; });
    ASSERT_FALSE(world.sandbox->files().exists("x", {.retry = kQuick}));
    EXPECT_EQ(world.server.count(), 6u);
  }
  World busy([](const Seen&) { return Answer::of(429, ""); });
  ASSERT_FALSE(busy.sandbox->files().exists("x", {.retry = kQuick}));
  EXPECT_EQ(busy.server.count(), 1u);
}

TEST(Get, BodyCutIsTriedAgain) {
  std::atomic<int> number{0};
  World world([&](const Seen&) {
    Answer answer = Answer::of(200, "whole");
    if (++number > 2) return answer;
    answer.bytes.resize(answer.bytes.size() - 2);
    answer.close = true;
    return answer;
  });
  EXPECT_EQ(world.sandbox->files().read("x", {.retry = kQuick}).value().size(), 5u);
  EXPECT_EQ(world.server.count(), 3u);
}

TEST(Get, TheDeadlineIsTheTotal) {
  World world([](const Seen&) { return Answer::silence(); });
  const auto begin = std::chrono::steady_clock::now();
  const auto result = world.sandbox->files().read("x", {.timeout = Millis(150)});
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(result.error().code, Errc::timeout);
  EXPECT_GE(took, Millis(150));
  EXPECT_LT(took, Millis(1000));
  EXPECT_EQ(world.last().header("X-Sandbox-Timeout"), "0.15");
}

TEST(Redirects, AreNotFollowed) {
  World world([](const Seen&) { return Answer::of(307, "", "Location: /elsewhere\r\n"); });
  const auto result = world.sandbox->files().read("x", {.retry = kQuick});
  EXPECT_EQ(result.error().code, Errc::redirect);
  EXPECT_EQ(result.error().http_status, 307);
  EXPECT_EQ(world.server.count(), 1u);
}

TEST(Errors, SayWhatTheServerSaid) {
  World world([](const Seen&) { return Answer::of(404, R"({"message":"File not found"})"); });
  const auto result = world.sandbox->files().read("a b");
  EXPECT_EQ(result.error().code, Errc::not_found);
  EXPECT_EQ(result.error().http_status, 404);
  EXPECT_THAT(result.error().message, HasSubstr("/download/a%20b answered 404: File not found"));
  EXPECT_EQ(result.error().request_id, world.last().header("X-Request-ID"));
  EXPECT_THROW(result.value(), Exception);
}

TEST(Paths, ByteExact) {
  World world([](const Seen&) { return Answer::json("[]"); });
  const std::string odd = "a/b c/\xC3\xA9+%25.txt";
  ASSERT_TRUE(world.sandbox->files().list(odd));
  EXPECT_EQ(world.last().target, "/list/a%2Fb%20c%2F%C3%A9%2B%2525.txt");
  ASSERT_TRUE(world.sandbox->files().list("."));
  EXPECT_EQ(world.last().target, "/list/%2E");
  ASSERT_TRUE(world.sandbox->files().list("..", {.allow_unsafe_paths = true}));
  EXPECT_EQ(world.last().target, "/list/%2E%2E");
  for (const char* bad : {"..", "../q", "a\nb"}) {
    EXPECT_EQ(world.sandbox->files().list(bad).error().code, Errc::invalid_argument);
    EXPECT_EQ(world.sandbox->files().exists(bad).error().code, Errc::invalid_argument);
    EXPECT_EQ(world.sandbox->files().read(bad).error().code, Errc::invalid_argument);
    EXPECT_EQ(world.sandbox->files().write(bad, "x").error().code, Errc::invalid_argument);
  }
}

TEST(Write, WholeAndStreamed) {
  World world([](const Seen&) { return Answer::json("{}"); });
  ASSERT_TRUE(world.sandbox->files().write("/d/f.txt", "content"));
  const Seen whole = world.last();
  EXPECT_EQ(whole.method + whole.target, "POST/upload");
  EXPECT_THAT(whole.body, HasSubstr("filename=\"d/f.txt\"\r\n\r\ncontent\r\n--"));
  EXPECT_EQ(whole.header("Content-Length"), std::to_string(whole.body.size()));

  size_t left = 3'000'000;
  const auto thread = std::this_thread::get_id();
  const Reader reader = [&](std::span<std::byte> room) -> Result<size_t> {
    EXPECT_EQ(std::this_thread::get_id(), thread);
    const size_t part = std::min(room.size(), left);
    std::fill_n(room.begin(), part, std::byte{'y'});
    left -= part;
    return part;
  };
  ASSERT_TRUE(world.sandbox->files().write("big", reader));
  EXPECT_EQ(world.last().header("Transfer-Encoding"), "chunked");
  const std::string sent = world.last().body;
  EXPECT_EQ(std::count(sent.begin(), sent.end(), 'y'), 3'000'000);
}

TEST(Write, StreamsAreTriedOnce) {
  World world([](const Seen&) { return Answer::of(502, "", "X-Sandgate-Forwarded: no\r\n"); });
  int reads = 0;
  const Reader reader = [&](std::span<std::byte>) -> Result<size_t> { return ++reads, 0; };
  EXPECT_FALSE(world.sandbox->files().write("x", reader, {.retry = kQuick}));
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(world.server.count(), 1u);
}

TEST(Write, AReaderMayFail) {
  World world([](const Seen&) { return Answer::json("{}"); });
  const Reader reader = [](std::span<std::byte>) -> Result<size_t> {
    return Error{.code = Errc::io, .message = "disk gone"};
  };
  const auto result = world.sandbox->files().write("x", reader);
  EXPECT_EQ(result.error().code, Errc::io);
  EXPECT_THAT(result.error().message, HasSubstr("disk gone"));
  EXPECT_EQ(world.server.count(), 0u);
}

TEST(ReadTo, LimitsAndParts) {
  World world([](const Seen&) {
    Answer answer;
    answer.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nfghij\r\n0\r\n\r\n";
    return answer;
  });
  std::string got;
  const Writer sink = [&](std::span<const std::byte> part) -> Result<size_t> {
    got.append(reinterpret_cast<const char*>(part.data()), part.size());
    return part.size();
  };
  EXPECT_EQ(world.sandbox->files().read_to("x", sink).value(), 10u);
  EXPECT_EQ(got, "abcdefghij");
  got.clear();
  const auto limited = world.sandbox->files().read_to("x", sink, {.max_bytes = 7});
  EXPECT_EQ(limited.error().code, Errc::too_large);
  EXPECT_EQ(limited.error().message, "File size exceeds limit of 7 bytes.");
  EXPECT_LE(got.size(), 7u);
  EXPECT_EQ(world.sandbox->files().read("x", {.max_bytes = 9}).error().code, Errc::too_large);
}

TEST(ReadTo, KnownTooLargeIsRefusedBeforeTheBody) {
  World world([](const Seen&) { return Answer::of(200, "0123456789"); });
  bool called = false;
  const Writer sink = [&](std::span<const std::byte> part) -> Result<size_t> { return called = true, part.size(); };
  EXPECT_EQ(world.sandbox->files().read_to("x", sink, {.max_bytes = 9}).error().code, Errc::too_large);
  EXPECT_FALSE(called);
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(Memory, StreamsAreBounded) {
  constexpr uint64_t kBytes = 256ull << 20;
  World world([](const Seen& seen) {
    if (seen.method == "POST") return Answer::json("{}");
    Answer answer;
    answer.bytes = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBytes) + "\r\n\r\n";
    answer.filler = kBytes;
    return answer;
  });
  world.server.keep_bodies = false;
  const long before = peak_kib();
  const Writer sink = [](std::span<const std::byte> part) -> Result<size_t> { return part.size(); };
  EXPECT_EQ(world.sandbox->files().read_to("x", sink).value(), kBytes);
  uint64_t left = kBytes;
  const Reader reader = [&](std::span<std::byte> room) -> Result<size_t> {
    const size_t part = static_cast<size_t>(std::min<uint64_t>(room.size(), left));
    left -= part;
    return part;
  };
  ASSERT_TRUE(world.sandbox->files().write("x", reader));
  const long grown = peak_kib() - before;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  EXPECT_LT(grown, 512 * 1024) << "the sanitizers keep freed memory for a while";
#else
  EXPECT_LT(grown, 32 * 1024);
#endif
}

/// Stops a call after a moment and says how long it took from then on.
template <class Call>
Millis stop_latency(Errc& code, Call call) {
  std::stop_source source;
  std::atomic<std::chrono::steady_clock::time_point> stopped;
  std::thread stopper([&] {
    std::this_thread::sleep_for(Millis(60));  // allow(sleep): the call must be under way, and nothing tells when
    stopped = std::chrono::steady_clock::now();
    source.request_stop();
  });
  auto result = call(source.get_token());
  const auto end = std::chrono::steady_clock::now();
  stopper.join();
  code = result ? Errc::closed : result.error().code;
  return std::chrono::duration_cast<Millis>(end - stopped.load());
}

TEST(Cancel, Within50Ms) {
  Errc code{};
  World silent([](const Seen&) { return Answer::silence(); });
  EXPECT_LT(
      stop_latency(code, [&](std::stop_token stop) { return silent.sandbox->commands().run("x", {.stop = stop}); }),
      Millis(50));
  EXPECT_EQ(code, Errc::cancelled);

  World busy(
      [](const Seen&) { return Answer::of(503, "", "Retry-After: 30\r\n"); });  // stopped while it waits to try again
  EXPECT_LT(stop_latency(code, [&](std::stop_token stop) { return busy.sandbox->files().exists("x", {.stop = stop}); }),
            Millis(50));
  EXPECT_EQ(code, Errc::cancelled);

  World endless([](const Seen&) {
    Answer answer;
    answer.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nsome";
    answer.hang = true;
    return answer;
  });
  const Writer sink = [](std::span<const std::byte> part) -> Result<size_t> { return part.size(); };
  EXPECT_LT(
      stop_latency(code,
                   [&](std::stop_token stop) { return endless.sandbox->files().read_to("x", sink, {.stop = stop}); }),
      Millis(50));
  EXPECT_EQ(code, Errc::cancelled);

  auto far =
      v1::Client::open({.connection = Direct{.api_url = "http://192.0.2.1:9"}}).value();  // no answer to a connect
  auto sandbox = far.connect("box").value();
  EXPECT_LT(stop_latency(code, [&](std::stop_token stop) { return sandbox.commands().run("x", {.stop = stop}); }),
            Millis(50));
  EXPECT_TRUE(code == Errc::cancelled || code == Errc::transport);  // a machine without any network refuses at once
}

TEST(Cancel, MarksWhatMayHaveRun) {
  World world([](const Seen&) { return Answer::silence(); });
  std::stop_source source;
  std::thread stopper([&] {
    while (world.server.count() == 0) std::this_thread::yield();
    source.request_stop();
  });
  const auto result = world.sandbox->commands().run("x", {.stop = source.get_token()});
  stopper.join();
  EXPECT_EQ(result.error().code, Errc::cancelled);
  EXPECT_TRUE(result.error().maybe_executed);
  std::stop_source already;
  already.request_stop();
  EXPECT_EQ(world.sandbox->commands().run("x", {.stop = already.get_token()}).error().code, Errc::cancelled);
}

TEST(Handles, ClosedAndOptions) {
  World world([](const Seen&) { return run_answer(); });
  ASSERT_TRUE(world.sandbox->active());
  ASSERT_TRUE(world.sandbox->disconnect());
  EXPECT_FALSE(world.sandbox->active());
  EXPECT_EQ(world.sandbox->commands().run("x").error().code, Errc::closed);
  EXPECT_EQ(world.client->connect("Bad_Name").error().code, Errc::invalid_argument);
  const auto refused = [](Direct direct) { return v1::Client::open({.connection = direct}).error().code; };
  EXPECT_EQ(refused({.api_url = "ftp://x"}), Errc::invalid_argument);
  EXPECT_EQ(refused({.api_url = "http://"}), Errc::invalid_argument);
  EXPECT_EQ(refused({.api_url = "http://x", .extra_headers = {{"x-sandbox-id", "y"}}}), Errc::invalid_argument);
  EXPECT_EQ(refused({.api_url = "http://x", .extra_headers = {{"X", "a\r\nb"}}}), Errc::invalid_argument);
  EXPECT_EQ(refused({.api_url = "http://x", .ca_file = "ca.pem"}), Errc::invalid_argument);
}

TEST(TokenFile, IsReadForEveryRequest) {
  const std::string path = std::filesystem::path(::testing::TempDir()) / ("token-" + std::to_string(getpid()));
  std::ofstream(path) << "one\n";
  World world([](const Seen&) { return run_answer(); }, Direct{.token_file = path});
  ASSERT_TRUE(world.sandbox->commands().run("x"));
  EXPECT_EQ(world.last().header("Authorization"), "Bearer one");
  std::ofstream(path) << "two";
  ASSERT_TRUE(world.sandbox->commands().run("x"));
  EXPECT_EQ(world.last().header("Authorization"), "Bearer two");
  unlink(path.c_str());
  const auto gone = world.sandbox->commands().run("x");
  EXPECT_EQ(gone.error().code, Errc::io);
  EXPECT_THAT(gone.error().message, HasSubstr(path));
}

TEST(Async, ManyAtOnceOnOneLoop) {
  World world([](const Seen& seen) {
    return Answer::json(R"({"stdout":")" + seen.header("X-Sandbox-ID") + R"(","exit_code":0})");
  });
  auto client = world.client->async();
  std::vector<async::Sandbox> sandboxes;
  for (int i = 0; i < 50; ++i) sandboxes.push_back(client.connect("box-" + std::to_string(i)).value());
  std::vector<Task<Result<ExecutionResult>>> tasks;
  for (async::Sandbox& sandbox : sandboxes) tasks.push_back(sandbox.commands().run("x"));
  const auto results = sync_wait(when_all(std::move(tasks)));
  for (size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i].value().out, "box-" + std::to_string(i));
  EXPECT_EQ(to_future(sandboxes[0].commands().run("x")).get().value().out, "box-0");
}

TEST(Async, DestroyingATaskCancelsAndJoins) {
  World world([](const Seen&) { return Answer::silence(); });
  auto sandbox = world.client->async().connect("box").value();
  const auto begin = std::chrono::steady_clock::now();
  {
    auto task = sandbox.commands().run("x");
    task.start();
    while (world.server.count() == 0) std::this_thread::yield();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Millis(2000));
  { const auto never_started = sandbox.commands().run("y"); }
  EXPECT_EQ(world.server.count(), 1u);
}

Task<Errc> blocks_its_own_loop(async::Sandbox& sandbox, v1::Sandbox& blocking) {
  const auto first = co_await sandbox.commands().run("x");
  EXPECT_TRUE(first);
  co_return blocking.commands().run("y").error().code;  // on the loop thread now
}

TEST(Async, BlockingOnTheLoopIsRefused) {
  World world([](const Seen&) { return run_answer(); });
  auto sandbox = world.client->async().connect("box").value();
  EXPECT_EQ(sync_wait(blocks_its_own_loop(sandbox, *world.sandbox)), Errc::invalid_argument);
}

class Recorder : public Observer {
 public:
  void span(const Span& span) override {
    const std::lock_guard lock(mutex);
    spans.push_back(span);
  }
  void count(std::string_view name, const std::map<std::string, std::string>& labels, uint64_t by) override {
    const std::lock_guard lock(mutex);
    counters[std::string(name) + "/" + labels.at("operation")] += by;
  }
  std::mutex mutex;
  std::vector<Span> spans;
  std::map<std::string, uint64_t> counters;
};

TEST(Observing, SpansCountersAndHeaders) {
  const auto recorder = std::make_shared<Recorder>();
  std::atomic<int> number{0};
  World world(
      [&](const Seen&) { return ++number == 1 ? Answer::of(502, "", "X-Sandgate-Forwarded: no\r\n") : run_answer(); },
      Direct{}, recorder);
  ASSERT_TRUE(world.sandbox->commands().run("SECRET=1 /bin/echo private", {.retry = kQuick}));
  ASSERT_EQ(recorder->spans.size(), 1u);
  const Span& span = recorder->spans[0];
  EXPECT_EQ(span.name, "sandbox-client.run");
  EXPECT_EQ(span.attributes.at("sandbox.command.executable"), "echo");
  EXPECT_EQ(span.attributes.at("sandbox.exit_code"), "0");
  EXPECT_EQ(span.attributes.at("sandbox.request_id"), world.last().header("X-Request-ID"));
  EXPECT_EQ(world.last().header("traceparent"), "00-" + span.trace_id + "-" + span.span_id + "-01");
  EXPECT_EQ(recorder->counters["sandbox_client_requests_total/run"], 2u);
  EXPECT_EQ(recorder->counters["sandbox_client_retries_total/run"], 1u);
  for (const auto& [key, value] : span.attributes) EXPECT_EQ(value.find("private"), std::string::npos) << key;
}

}  // namespace
}  // namespace sandgate::client
