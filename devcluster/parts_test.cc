// The small parts: times, DNS answers, WebSocket frames, addresses, Pods as values, access rules, queries.
#include <gtest/gtest.h>

#include "devcluster/access.h"
#include "devcluster/address_pool.h"
#include "devcluster/dns.h"
#include "devcluster/http_service.h"
#include "devcluster/pod_run.h"
#include "devcluster/table.h"
#include "devcluster/time_text.h"
#include "devcluster/ws_frames.h"

namespace sandgate::devcluster {
namespace {

TEST(TimeText, ThereAndBack) {
  const WallTime time{Seconds(1'795'250'777)};
  EXPECT_EQ("2026-11-21T08:46:17Z", rfc3339(time));
  EXPECT_EQ(time, parse_rfc3339("2026-11-21T08:46:17Z"));
  EXPECT_EQ(time + Millis(860), parse_rfc3339("2026-11-21T08:46:17.860000+00:00"));
  EXPECT_EQ(time, parse_rfc3339("2026-11-21T10:46:17+02:00"));
  EXPECT_EQ(time, parse_rfc3339("2026-11-21t03:16:17-05:30"));
  for (const char* bad : {"", "2026-11-21", "2026-13-21T08:46:17Z", "2026-02-30T08:46:17Z", "2026-11-21T24:46:17Z",
                          "2026-11-21T08:46:17", "2026-11-21T08:46:17Zx", "2026-11-21T08:46:17+2:00"}) {
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
  }
}

TEST(Table, Ages) {
  const std::pair<int64_t, const char*> kCases[] = {
      {0, "0s"},        {119, "119s"},           {120, "2m"},        {330, "5m30s"},      {3599, "59m"},
      {4 * 3600, "4h"}, {4 * 3600 + 60, "4h1m"}, {30 * 3600, "30h"}, {50 * 3600, "2d2h"}, {300 * 3600, "12d"},
      {-5, "0s"}};
  for (const auto& [seconds, text] : kCases) EXPECT_EQ(text, human_age(Seconds(seconds)));
}

TEST(Dns, WhatItDoesNotAnswer) {
  const auto none = [](const std::string&) { return std::vector<IpAddress>(); };
  EXPECT_EQ("", dns_answer("short", none));
  EXPECT_EQ("", dns_answer(std::string("\1\2\x80\0\0\1\0\0\0\0\0\0", 12), none));  // an answer, no question
  const std::string cut("\1\2\0\0\0\1\0\0\0\0\0\0\x09short", 18);
  EXPECT_EQ(1, dns_answer(cut, none).at(3) & 15);
  const std::string update("\1\2\x28\0\0\1\0\0\0\0\0\0", 12);
  EXPECT_EQ(4, dns_answer(update, none).at(3) & 15);
}

TEST(Dns, ManyAddressesStayWithinOnePacket) {
  const std::string query("\1\2\1\0\0\1\0\0\0\0\0\0\1s\1n\3svc\7cluster\5local\0\0\1\0\1",
                          12 + 2 + 2 + 4 + 8 + 6 + 1 + 4);
  std::string asked;
  const std::string answer = dns_answer(query, [&](const std::string& name) {
    asked = name;
    return std::vector<IpAddress>(100, IpAddress::v4(0x7f400001));
  });
  EXPECT_EQ("s.n", asked);
  EXPECT_EQ(24, answer.at(7));
  EXPECT_LE(answer.size(), 512u);
  EXPECT_EQ(std::string("\x7f\x40\0\1", 4), answer.substr(answer.size() - 4));
}

struct Collect final : WsReader::Events {
  void on_ws_data(std::string_view piece, bool first) override {
    if (first) text += '|';
    text += piece;
  }
  void on_ws_control(WsOpcode opcode, std::string_view payload) override {
    text += "<" + std::to_string(static_cast<int>(opcode)) + ":" + std::string(payload) + ">";
  }
  std::string text;
};

std::string masked(uint8_t first, std::string payload) {
  const std::string mask = "\1\2\3\4";
  std::string out{static_cast<char>(first)};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0xfe);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 255);
  }
  out += mask;
  for (size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ mask[i % 4]);
  return out;
}

TEST(WsReader, WholeAndCutAtEveryByte) {
  const std::string bytes = masked(0x02, "ab") + masked(0x89, "ping") + masked(0x80, "cd") + masked(0x82, "") +
                            masked(0x82, std::string(300, 'x')) + masked(0x88, "");
  const std::string expected = "|ab<9:ping>cd|" + std::string(300, 'x') + "<8:>";
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    WsReader reader;
    Collect got;
    ASSERT_TRUE(reader.feed(std::string_view(bytes).substr(0, cut), got));
    ASSERT_TRUE(reader.feed(std::string_view(bytes).substr(cut), got));
    EXPECT_EQ(expected, got.text) << cut;
  }
}

TEST(WsReader, WhatBreaksTheRules) {
  for (const std::string& bytes :
       {std::string("\x82\1a", 3) + "xxx",                       // not masked
        masked(0xc2, "a"), masked(0x83, "a"),                    // reserved bit, reserved opcode
        masked(0x09, "a"), masked(0x89, std::string(126, 'x')),  // a control frame in parts, too long
        masked(0x80, "a")}) {                                    // goes on with nothing
    WsReader reader;
    Collect got;
    EXPECT_FALSE(reader.feed(bytes, got));
  }
}

TEST(WsFrame, Lengths) {
  EXPECT_EQ(std::string("\x82\3\0ab", 5), ws_frame(WsOpcode::kBinary, std::string(1, '\0'), "ab"));
  EXPECT_EQ(std::string("\x82\x7e\1\0", 4), ws_frame(WsOpcode::kBinary, "", std::string(256, 'x')).substr(0, 4));
  EXPECT_EQ(std::string("\x82\x7f\0\0\0\0\0\1\0\0", 10),
            ws_frame(WsOpcode::kBinary, "", std::string(65536, 'x')).substr(0, 10));
}

TEST(AddressPool, FreshOnesFirstUnlessReuseIsAskedFor) {
  auto pool = AddressPool::create("10.0.0.0/29", 1);
  ASSERT_TRUE(pool);
  const auto first = pool->take();
  EXPECT_EQ("10.0.0.1", first->to_string());
  pool->give_back(*first);
  EXPECT_EQ("10.0.0.2", pool->take()->to_string());
  pool->set_reuse(true);
  EXPECT_EQ("10.0.0.1", pool->take()->to_string());
  for (int i = 3; i <= 7; ++i) EXPECT_EQ("10.0.0." + std::to_string(i), pool->take()->to_string());
  EXPECT_FALSE(pool->take());
  EXPECT_EQ(7u, pool->in_use());
  for (const char* bad : {"10.0.0.0", "10.0.0.0/31", "10.0.0.0/7", "fd00::/64", "x/8", "10.0.0.0/x"}) {
    EXPECT_FALSE(AddressPool::create(bad, 0)) << bad;
  }
}

TEST(AddressPool, LeavesOutNetworkAndBroadcastAddresses) {
  auto pool = AddressPool::create("10.0.0.0/23", 254);
  EXPECT_EQ("10.0.0.254", pool->take()->to_string());
  EXPECT_EQ("10.0.1.1", pool->take()->to_string());
}

TEST(PodRun, PortsImagesAndVariables) {
  const Json pod =
      Json::parse(R"({"metadata":{"name":"p","namespace":"n"},"spec":{"containers":[{"image":"repo/execd:v1",
    "ports":[{"containerPort":80},{"containerPort":8080}],
    "env":[{"name":"A","value":"1"},{"name":"PATH","value":"/x"},
           {"name":"ME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},{"name":"B=","value":"2"}]}]}})");
  EXPECT_EQ(8080, port_of_pod(pod, 8888));
  EXPECT_EQ(8888, port_of_pod(Json::object(), 8888));
  EXPECT_TRUE(image_matches("repo/execd*", image_of_pod(pod)));
  EXPECT_TRUE(image_matches("*", ""));
  EXPECT_FALSE(image_matches("repo/execd", image_of_pod(pod)));
  EXPECT_EQ("--at=1.2.3.4:9 /d", fill_in("--at={ip}:{port} {dir}", "1.2.3.4", 9, "/d"));
  const auto lines = environment_of_pod(pod, "1.2.3.4");
  const auto has = [&](const char* line) { return std::find(lines.begin(), lines.end(), line) != lines.end(); };
  EXPECT_TRUE(has("A=1") && has("PATH=/x") && has("ME=p") && has("POD_IP=1.2.3.4"));
  EXPECT_FALSE(has("B==2"));
}

TEST(PodRun, PhasesAndStates) {
  const Json pod = Json::parse(R"({"spec":{"containers":[{"name":"c"}]}})");
  const WallTime now{Seconds(1)};
  const auto told = [&](const PodRun& run) {
    const Json status = pod_status(run, pod, now);
    const Json& container = status["containerStatuses"][0];
    return text_at(status, {"phase"}) + " " + container["state"].begin().key() +
           (flag_at(container, {"ready"}, false) ? " ready" : "");
  };
  PodRun run;
  EXPECT_EQ("Pending waiting", told(run));
  run.pid = 5;
  EXPECT_EQ("Running running", told(run));
  run.ready = true;
  EXPECT_EQ("Running running ready", told(run));
  run.pid = -1;
  run.ready = false;
  run.restarts = 1;
  EXPECT_EQ("Running waiting", told(run));
  run.ended = true;
  run.exit_code = 1;
  EXPECT_EQ("Failed terminated", told(run));
  run.exit_code = 0;
  EXPECT_EQ("Succeeded terminated", told(run));
  // Another class of service than the Pod's own would be refused with the whole status.
  EXPECT_FALSE(pod_status(run, pod, now).contains("qosClass"));
  EXPECT_EQ("Burstable",
            text_at(pod_status(run, Json::parse(R"({"status":{"qosClass":"Burstable"}})"), now), {"qosClass"}));
}

TEST(Access, RulesOfServiceAccounts) {
  Access access;
  ASSERT_TRUE(access.add_denial("system:serviceaccount:ns:robot:get,list:sandboxes,pods/log:a,-"));
  const auto allowed = [&](const char* user, AccessQuestion question) { return access.allowed(user, question); };
  const char* robot = "system:serviceaccount:ns:robot";
  EXPECT_FALSE(allowed(robot, {"get", "", "sandboxes", "", "a", "x"}));
  EXPECT_FALSE(allowed(robot, {"list", "", "sandboxes", "", "", ""}));
  EXPECT_FALSE(allowed(robot, {"get", "", "pods", "log", "a", "x"}));
  EXPECT_TRUE(allowed(robot, {"get", "", "pods", "", "a", "x"}));
  EXPECT_TRUE(allowed(robot, {"get", "", "sandboxes", "", "b", "x"}));
  EXPECT_TRUE(allowed(robot, {"watch", "", "sandboxes", "", "a", ""}));
  EXPECT_TRUE(allowed("somebody", {"get", "", "sandboxes", "", "a", "x"}));
}

TEST(Access, TokensOfRequests) {
  Access access;
  EXPECT_EQ("system:admin", access.user_of_request("")->name);
  EXPECT_EQ("system:admin", access.user_of_request("Bearer whatever")->name);
  ASSERT_TRUE(access.add_user("t=ann"));
  EXPECT_EQ("ann", access.user_of_request("bearer t")->name);
  EXPECT_FALSE(access.user_of_request("Bearer wrong"));
  EXPECT_EQ("system:admin", access.user_of_request("")->name);
  access.set_token("root");
  EXPECT_FALSE(access.user_of_request(""));
  EXPECT_EQ("system:admin", access.user_of_request("Bearer root")->name);
}

TEST(Http, QueriesAndEscapes) {
  EXPECT_EQ("a b/c%zz%4", percent_decode("a%20b%2Fc%zz%4", false));
  EXPECT_EQ("a+b", percent_decode("a+b", false));
  const auto query = parse_query("a=1&b=x+y&&c&d=%3D");
  ASSERT_EQ(4u, query.size());
  EXPECT_EQ((std::pair<std::string, std::string>("b", "x y")), query[1]);
  EXPECT_EQ((std::pair<std::string, std::string>("c", "")), query[2]);
  EXPECT_EQ((std::pair<std::string, std::string>("d", "=")), query[3]);
}

TEST(JsonText, DepthAndNonsense) {
  std::string why;
  EXPECT_FALSE(parse_json(std::string(1000, '['), why));
  EXPECT_EQ("exceeded max depth", why);
  EXPECT_FALSE(parse_json("{", why));
  EXPECT_TRUE(parse_json(R"({"a":"[[[[\"[["})", why));
}

}  // namespace
}  // namespace sandgate::devcluster
