// The values below the calls: paths, retries, answers, addresses, bodies.
#include <gtest/gtest.h>

#include "client/address.h"
#include "client/lifecycle.h"
#include "client/path.h"
#include "client/readiness.h"
#include "client/retry.h"
#include "client/validate.h"

namespace sandgate::client {
namespace {

Json json(std::string_view text) {
  const auto value = Json::parse(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(Json());
}

TEST(EncodePath, EveryByte) {
  EXPECT_EQ(encode_path("a/b c/\xC3\xA9+%.txt"), "a%2Fb%20c%2F%C3%A9%2B%25.txt");
  EXPECT_EQ(encode_path("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(encode_path("."), "%2E");
  EXPECT_EQ(encode_path(".."), "%2E%2E");
  EXPECT_EQ(encode_path("..."), "...");
  EXPECT_EQ(encode_path(std::string_view("\0\x7f\xff", 3)), "%00%7F%FF");
  EXPECT_EQ(encode_path(""), "");
}

TEST(SafePath, Table) {
  const auto ok = [](std::string_view path, bool root = false) { return safe_path(path, root).value_or("REFUSED"); };
  EXPECT_EQ(ok("/abs/x"), "abs/x");
  EXPECT_EQ(ok("a//b/./c"), "a/b/c");
  EXPECT_EQ(ok("a/../b"), "b");
  EXPECT_EQ(ok("/../x"), "x");
  EXPECT_EQ(ok("..."), "...");
  EXPECT_EQ(ok(".", true), ".");
  EXPECT_EQ(ok("", true), ".");
  for (const char* bad : {"", " ", ".", "..", "../x", "a/../../x", "/", "a/..", "x\ny", "x\x7f"})
    EXPECT_EQ(ok(bad), "REFUSED") << bad;
  EXPECT_EQ(ok("../x", true), "REFUSED");
}

TEST(Retry, TheWholeTable) {
  const auto outcome = [](int status, bool sent = true, bool not_forwarded = false, bool after = false) {
    Outcome value;
    value.status = status, value.sent = sent, value.not_forwarded = not_forwarded;
    if (after) value.retry_after = Millis(10);
    return value;
  };
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE"}) {
    EXPECT_TRUE(may_try_again(method, outcome(0))) << method;
    EXPECT_TRUE(may_try_again(method, outcome(0, false))) << method;
    for (const int status : {500, 502, 503, 504})
      EXPECT_TRUE(may_try_again(method, outcome(status))) << method << status;
    for (const int status : {413, 429}) {
      EXPECT_FALSE(may_try_again(method, outcome(status))) << method << status;
      EXPECT_TRUE(may_try_again(method, outcome(status, true, false, true))) << method << status;
    }
    for (const int status : {200, 301, 400, 401, 403, 404, 409, 501, 505}) {
      EXPECT_FALSE(may_try_again(method, outcome(status, true, true, true))) << method << status;
    }
  }
  EXPECT_FALSE(may_try_again("POST", outcome(0)));
  EXPECT_TRUE(may_try_again("POST", outcome(0, false)));
  for (const int status : {500, 502, 503, 504}) {
    EXPECT_FALSE(may_try_again("POST", outcome(status)));
    EXPECT_FALSE(may_try_again("POST", outcome(status, true, false, true)));
    EXPECT_TRUE(may_try_again("POST", outcome(status, true, true)));
  }
  EXPECT_FALSE(may_try_again("POST", outcome(429, true, true, true)));
}

TEST(Retry, Waits) {
  const RetryPolicy policy{.max_attempts = 6, .base = Millis(500), .cap = Millis(3000), .jitter = false};
  const Outcome outcome;
  EXPECT_EQ(wait_before(2, policy, outcome, 0.5), Millis(500));
  EXPECT_EQ(wait_before(3, policy, outcome, 0.5), Millis(1000));
  EXPECT_EQ(wait_before(6, policy, outcome, 0.5), Millis(3000));
  RetryPolicy random = policy;
  random.jitter = true;
  EXPECT_EQ(wait_before(3, random, outcome, 0.25), Millis(250));
  Outcome busy;
  busy.status = 503, busy.retry_after = Millis(7000);
  EXPECT_EQ(wait_before(2, policy, busy, 0.5), Millis(7000));
  busy.status = 502;
  EXPECT_EQ(wait_before(2, policy, busy, 0.5), Millis(500));
  EXPECT_EQ(parse_retry_after("3"), Millis(3000));
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:00:01 GMT"), Millis(0));
  EXPECT_EQ(parse_retry_after("soon"), std::nullopt);
}

TEST(Answers, Execution) {
  const auto full = parse_execution(R"({"stdout":"a","stderr":"b","exit_code":3,"timed_out":true})").value();
  EXPECT_EQ(full.out, "a");
  EXPECT_EQ(full.err, "b");
  EXPECT_EQ(full.exit_code, 3);
  EXPECT_TRUE(full.timed_out);
  EXPECT_EQ(parse_execution("{}").value().exit_code, -1);
  EXPECT_EQ(parse_execution(R"({"exit_code":"-9"})").value().exit_code, -9);
  for (const char* bad :
       {"", "[]", "null", "{", R"({"exit_code":null})", R"({"exit_code":[1]})", R"({"exit_code":"x"})"}) {
    EXPECT_FALSE(parse_execution(bad)) << bad;
  }
}

TEST(Answers, Lists) {
  const auto list =
      parse_classic_list(R"([{"name":"a","size":3,"type":"file","mod_time":1.5},)"
                         R"({"name":"l","type":"symlink"},{"name":"d","size":0,"type":"directory","mod_time":0}])");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ((*list)[0].size, 3u);
  EXPECT_EQ((*list)[0].modified, Clock::time_point(Millis(1500)));
  EXPECT_EQ((*list)[1].type, FileType::directory);
  EXPECT_TRUE(parse_classic_list("null").value().empty());
  EXPECT_FALSE(parse_classic_list("{}"));
  const auto other = parse_sandboxd_list(R"({"path":".","entries":[{"name":"a","size":1,"type":"file",)"
                                         R"("modified_at":"2026-11-21T08:26:17Z","mode":"0644"}]})");
  ASSERT_TRUE(other);
  EXPECT_EQ((*other)[0].mode, "0644");
  EXPECT_EQ(format_time((*other)[0].modified, false), "2026-11-21T08:26:17Z");
  EXPECT_FALSE(parse_sandboxd_list(R"({"path":"."})"));
}

TEST(Answers, Times) {
  EXPECT_EQ(parse_time("2026-11-21T08:26:17.5+02:00"), *parse_time("2026-11-21T06:26:17Z") + Millis(500));
  for (const char* bad : {"", "2026-11-21", "2026-11-21T08:26:17", "2026-11-21T08:26:17X", "2026-1x-21T08:26:17Z"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Multipart, FileNameBytes) {
  const MultipartFrame frame = multipart_frame("d/\"\xC3\xA9\".txt");
  EXPECT_NE(frame.before.find("name=\"file\"; filename=\"d/%22\xC3\xA9%22.txt\"\r\n\r\n"), std::string::npos);
  EXPECT_EQ(frame.before.find("Content-Type"), std::string::npos);
}

TEST(PodIp, Choice) {
  EXPECT_EQ(pick_pod_ip(json(R"([" fd00::1 ","x","10.0.0.7"])")), "10.0.0.7");
  EXPECT_EQ(pick_pod_ip(json(R"([{"ip":"FD00:0::1"}])")), "fd00::1");
  EXPECT_EQ(pick_pod_ip(json(R"(["::ffff:10.1.2.3"])")), "10.1.2.3");
  EXPECT_EQ(pick_pod_ip(json(R"(["nonsense"])")), std::nullopt);
  EXPECT_EQ(pick_pod_ip(Json()), std::nullopt);
  EXPECT_EQ(url_host("fd00::1"), "[fd00::1]");
}

TEST(GatewayAddress, Acceptable) {
  for (const char* good : {"1.2.3.4", "fd00::1", "a-b.example", "gw", "1a.2"})
    EXPECT_TRUE(acceptable_gateway_address(good)) << good;
  for (const char* bad : {"", "1.2.3.4:80", "-a.b", "a-.b", ".a", "a.", "a..b", "1.2.3", "0x7f.1", "a_b"}) {
    EXPECT_FALSE(acceptable_gateway_address(bad)) << bad;
  }
}

TEST(Validation, Names) {
  EXPECT_TRUE(is_label_key("a.b/c_d"));
  EXPECT_FALSE(is_label_key("/x"));
  EXPECT_FALSE(is_label_key("A/x"));
  EXPECT_FALSE(is_label_key("a/"));
  EXPECT_TRUE(is_label_value(""));
  EXPECT_FALSE(is_label_value("-a"));
  EXPECT_TRUE(is_env_name("_A.b-c"));
  EXPECT_FALSE(is_env_name("1A"));
  EXPECT_FALSE(is_env_name(".."));
  EXPECT_FALSE(is_env_name("A=B"));
  CreateOptions options;
  EXPECT_EQ(check_create("Warmpool", "", options)->message, "Warmpool name cannot be empty.");
  EXPECT_FALSE(check_create("Warmpool", "pool", options));
  options.adopt_existing = true;
  EXPECT_TRUE(check_create("Warmpool", "pool", options));
  options = {};
  options.shutdown_after = Seconds(0);
  EXPECT_TRUE(check_create("Warmpool", "pool", options));
  options = {};
  options.volume_claim_templates_json = "{}";
  EXPECT_TRUE(check_create("Warmpool", "pool", options));
}

TEST(ClaimBody, AsTheContractSays) {
  CreateOptions options;
  options.labels = {{"team", "x"}, {"agents.x-k8s.io/created-by", "me"}};
  options.pod_annotations = {{"k", "v"}};
  options.env = {{"A", "1"}};
  options.shutdown_after = Seconds(60);
  const Json body = claim_body("g/v1beta1", {"pool", ""}, "c1", options, {}, *parse_time("2026-11-21T08:26:17.25Z"));
  EXPECT_EQ(body, json(R"({"apiVersion":"g/v1beta1","kind":"SandboxClaim",
    "metadata":{"name":"c1","labels":{"team":"x","agents.x-k8s.io/created-by":"cpp-client"},
      "annotations":{"agents.x-k8s.io/client-first-requested-at":"2026-11-21T08:26:17.250000Z"}},
    "spec":{"warmPoolRef":{"name":"pool"},"lifecycle":{"shutdownTime":"2026-11-21T08:27:17Z","shutdownPolicy":"Delete"},
      "additionalPodMetadata":{"annotations":{"k":"v"}},"env":[{"name":"A","value":"1"}]}})"))
      << body.dump();
  const Json alpha = claim_body("g/v1alpha1", {"pool", "tpl"}, "c1", {}, {"t", "s"}, Clock::now());
  EXPECT_EQ(alpha.at("spec"), json(R"({"sandboxTemplateRef":{"name":"tpl"},"warmpool":"pool"})"));
  EXPECT_EQ(alpha.text("metadata", "annotations", "opentelemetry.io/trace-context"), R"({"traceparent":"00-t-s-01"})");
}

Json claim(std::string_view name, std::string_view conditions) {
  return json(R"({"metadata":{"name":"c","uid":"u1","generation":2},"status":{"sandbox":{"name":")" +
              std::string(name) + R"(","podIPs":["10.0.0.1"]},"conditions":[)" + std::string(conditions) + "]}}");
}

TEST(Readiness, Claims) {
  constexpr std::string_view kReady = R"({"type":"Ready","status":"True"})";
  const Verdict bound = judge_claim(claim("s", kReady), "u1", false);
  ASSERT_TRUE(std::holds_alternative<Bound>(bound));
  EXPECT_EQ(std::get<Bound>(bound).sandbox, "s");
  EXPECT_EQ(std::get<Bound>(bound).pod_ip, "10.0.0.1");
  EXPECT_TRUE(std::holds_alternative<Pending>(judge_claim(claim("", kReady), "", false)));
  EXPECT_TRUE(std::holds_alternative<Pending>(judge_claim(claim("s", ""), "", false)));
  EXPECT_TRUE(std::holds_alternative<Bound>(judge_claim(claim("s", ""), "", true)));
  EXPECT_TRUE(std::holds_alternative<Pending>(
      judge_claim(claim("s", R"({"type":"Ready","status":"True","observedGeneration":1})"), "", false)));
  EXPECT_EQ(std::get<Error>(judge_claim(claim("s", kReady), "u2", false)).code, Errc::not_found);
}

TEST(Readiness, TerminalReasons) {
  const auto code = [](const std::string& condition) -> std::optional<Errc> {
    const Verdict verdict = judge_claim(claim("", condition), "", false);
    if (const Error* error = std::get_if<Error>(&verdict)) return error->code;
    return std::nullopt;
  };
  const auto failed = [](const std::string& reason) {
    return R"({"type":"Ready","status":"False","message":"m","reason":")" + reason + "\"}";
  };
  EXPECT_EQ(code(failed("TemplateNotFound")), Errc::template_not_found);
  EXPECT_EQ(code(R"({"type":"Other","status":"Unknown","reason":"WarmPoolNotFound"})"), Errc::warm_pool_not_found);
  for (const char* reason : {"InvalidMetadata", "EnvVarsInjectionRejected", "VolumeClaimTemplatesError", "ClaimExpired",
                             "SandboxExpired", "InvalidConfiguration", "PodFailed", "PodSucceeded"}) {
    EXPECT_EQ(code(failed(reason)), Errc::claim_failed) << reason;
  }
  for (const char* reason : {"AdoptionConflict", "SandboxCreatePending", "SandboxMissing", "SandboxNotReady",
                             "ReconcilerError", "DependenciesNotReady", "SandboxSuspended", "MultiplePods"}) {
    EXPECT_EQ(code(failed(reason)), std::nullopt) << reason;
  }
}

TEST(JsonValue, RoundTrip) {
  const Json value = json(R"({"a":[1,-2,2.5,true,null,"x\u00e9"],"b":{"c":18446744073709551615}})");
  EXPECT_EQ(json(value.dump()), value);
  EXPECT_FALSE(Json::parse("{} x"));
  EXPECT_FALSE(Json::parse(std::string(300, '[') + std::string(300, ']')));
  EXPECT_EQ(value.text("a"), "");
  EXPECT_TRUE(value.at("b", "x", "y").is_null());
}

TEST(Numbers, Seconds) {
  EXPECT_EQ(decimal_seconds(Millis(60000)), "60");
  EXPECT_EQ(decimal_seconds(Millis(12500)), "12.5");
  EXPECT_EQ(decimal_seconds(Millis(1)), "0.001");
}

}  // namespace
}  // namespace sandgate::client
