#include "config/load.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/cores.h"
#include "config/help.h"
#include "config/schema.h"

namespace sandgate::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Arguments = std::vector<std::string>;

const Schema& router() { return schema_of(server::Product::kRouter); }

tl::expected<server::ServerOptions, Stop> load(const Arguments& arguments, Environment environment = {}) {
  environment.emplace("ROUTER_AUTH_TOKEN", "secret");
  return load_options(server::Product::kRouter, arguments, environment);
}

server::ServerOptions loaded(const Arguments& arguments, const Environment& environment = {}) {
  const auto got = load(arguments, environment);
  EXPECT_TRUE(got.has_value()) << got.error().err;
  return got.value_or(server::ServerOptions{});
}

std::string refused(const Arguments& arguments, const Environment& environment = {}) {
  const auto got = load(arguments, environment);
  if (got) return "(accepted)";
  EXPECT_EQ(got.error().exit_code, 2);
  EXPECT_EQ(got.error().out, "");
  return got.error().err;
}

/// A configuration file that is gone at the end of the test.
class File {
 public:
  explicit File(std::string_view content) {
    path_ = ::testing::TempDir() + "sandgate_config_" + std::to_string(++count_) + "_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".yaml";
    std::ofstream(path_) << content;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::string& path() const { return path_; }

 private:
  static inline int count_ = 0;
  std::string path_;
};

TEST(Load, DefaultsAreThoseOfTheContract) {
  const auto o = loaded({});
  EXPECT_TRUE(o.warnings.empty());
  EXPECT_EQ(o.http_bind_address, ":8080");
  EXPECT_EQ(o.metrics_bind_address, ":9090");
  EXPECT_EQ(o.health_probe_bind_address, ":8081");
  EXPECT_EQ(o.proxy.timeout, Millis(180'000));
  EXPECT_EQ(o.router.timeout, Millis(180'000));
  EXPECT_EQ(o.proxy.response_head_timeout, Millis(0));
  EXPECT_EQ(o.shutdown_timeout, Millis(30'000));
  EXPECT_EQ(o.proxy.retry.retries_max, 3U);
  EXPECT_EQ(o.proxy.retry.initial_delay, Millis(200));
  EXPECT_EQ(o.proxy.retry.max_delay, Millis(800));
  EXPECT_EQ(o.proxy.pool.idle_per_target_max, 20U);
  EXPECT_EQ(o.proxy.websocket.idle_timeout, Millis(3'600'000));
  EXPECT_EQ(o.proxy.websocket.max_lifetime, Millis(86'400'000));
  EXPECT_EQ(o.proxy.websocket.message_bytes_max, 16'777'216U);
  EXPECT_EQ(o.proxy.websocket.per_client_max, 64U);
  EXPECT_EQ(o.proxy.limits.request_body_bytes_max, 0U);
  EXPECT_EQ(o.router.cluster_domain, "cluster.local");
  EXPECT_EQ(o.router.auth_token.reveal(), "secret");
  EXPECT_FALSE(o.allow_loopback_pod_ip);
  EXPECT_TRUE(o.access_log);
  EXPECT_EQ(o.workers, default_workers());
}

TEST(Load, TenVariables) {
  const auto o = loaded({}, {{"PROXY_TIMEOUT_SECONDS", "1e1"},
                             {"MAX_KEEPALIVE_CONNECTIONS", " 0 "},
                             {"WEBSOCKET_IDLE_TIMEOUT_SECONDS", "0"},
                             {"WEBSOCKET_MAX_LIFETIME_SECONDS", "1_000.5"},
                             {"WEBSOCKET_MAX_CONNECTIONS_PER_CLIENT", "+7"},
                             {"WEBSOCKET_MAX_MESSAGE_BYTES", "1_024"},
                             {"TRUSTED_PROXY_CIDRS", " 10.1.2.3/8 ,, fd00::/8,192.0.2.1"},
                             {"CLUSTER_DOMAIN", "k8s.example"},
                             {"ROUTER_AUTH_TOKEN", "  token with blank \n"},
                             {"ALLOW_UNAUTHENTICATED_ROUTER", " Yes "}});
  EXPECT_TRUE(o.warnings.empty());
  EXPECT_EQ(o.proxy.timeout, Millis(10'000));
  EXPECT_EQ(o.router.timeout, Millis(10'000));
  EXPECT_EQ(o.proxy.pool.idle_per_target_max, 0U);
  EXPECT_EQ(o.proxy.websocket.idle_timeout, Millis(0));
  EXPECT_EQ(o.proxy.websocket.max_lifetime, Millis(1'000'500));
  EXPECT_EQ(o.proxy.websocket.per_client_max, 7U);
  EXPECT_EQ(o.proxy.websocket.message_bytes_max, 1'024U);
  ASSERT_EQ(o.router.trusted_proxies.size(), 3U);
  EXPECT_TRUE(o.router.trusted_proxies[0].contains(IpAddress::parse("10.9.9.9").value()));
  EXPECT_EQ(o.router.cluster_domain, "k8s.example");
  EXPECT_EQ(o.router.auth_token.reveal(), "token with blank");
  EXPECT_TRUE(o.allow_unauthenticated);
}

TEST(Load, BadVariableWarnsOnceAndKeepsTheDefault) {
  const struct {
    const char* name;
    const char* value;
  } cases[] = {{"PROXY_TIMEOUT_SECONDS", "abc"},
               {"PROXY_TIMEOUT_SECONDS", "0"},
               {"PROXY_TIMEOUT_SECONDS", "-1"},
               {"PROXY_TIMEOUT_SECONDS", "nan"},
               {"PROXY_TIMEOUT_SECONDS", "inf"},
               {"PROXY_TIMEOUT_SECONDS", ""},
               {"PROXY_TIMEOUT_SECONDS", "180s"},
               {"MAX_KEEPALIVE_CONNECTIONS", "-1"},
               {"MAX_KEEPALIVE_CONNECTIONS", "1e3"},
               {"MAX_KEEPALIVE_CONNECTIONS", ""},
               {"WEBSOCKET_IDLE_TIMEOUT_SECONDS", "-1"},
               {"WEBSOCKET_MAX_LIFETIME_SECONDS", "Infinity"},
               {"WEBSOCKET_MAX_CONNECTIONS_PER_CLIENT", "0.5"},
               {"WEBSOCKET_MAX_MESSAGE_BYTES", "0"},
               {"WEBSOCKET_MAX_MESSAGE_BYTES", "16MiB"},
               {"TRUSTED_PROXY_CIDRS", "10.0.0.0/99"},
               {"CLUSTER_DOMAIN", ""},
               {"CLUSTER_DOMAIN", "bad domain"},
               {"CLUSTER_DOMAIN", "-x.local"},
               {"PORT", "http"},
               {"PORT", "70000"}};
  const auto defaults = loaded({});
  for (const auto& c : cases) {
    const auto o = loaded({}, {{c.name, c.value}});
    ASSERT_EQ(o.warnings.size(), 1U) << c.name << "=" << c.value;
    EXPECT_THAT(o.warnings[0], StartsWith(std::string("WARNING: ") + c.name));
    EXPECT_THAT(o.warnings[0], Not(HasSubstr("\n")));
    for (const Setting& s : router().settings) {
      if (!s.show) continue;
      EXPECT_EQ(s.show(o), s.show(defaults)) << c.name << "=" << c.value << " changed " << s.name;
    }
    EXPECT_THAT(refused({}, {{c.name, c.value}, {"SANDGATE_STRICT_CONFIG", "true"}}), HasSubstr(c.name));
  }
}

TEST(Load, BadItemOfAListIsLeftOut) {
  const auto o = loaded({}, {{"TRUSTED_PROXY_CIDRS", "nonsense,10.0.0.0/8,1.2.3.4/40"}});
  ASSERT_EQ(o.router.trusted_proxies.size(), 1U);
  ASSERT_EQ(o.warnings.size(), 2U);
  EXPECT_THAT(o.warnings[0], HasSubstr("'nonsense'"));
  EXPECT_THAT(o.warnings[1], HasSubstr("'1.2.3.4/40'"));
}

TEST(Load, WarningShowsNoControlBytes) {
  const auto o = loaded({}, {{"PROXY_TIMEOUT_SECONDS", "1\nWARNING: forged"}});
  ASSERT_EQ(o.warnings.size(), 1U);
  EXPECT_THAT(o.warnings[0], Not(HasSubstr("\n")));
}

TEST(Load, VeryLargeValuesAreTheLargest) {
  const auto o =
      loaded({}, {{"PROXY_TIMEOUT_SECONDS", "1e300"}, {"WEBSOCKET_MAX_MESSAGE_BYTES", "99999999999999999999"}});
  EXPECT_TRUE(o.warnings.empty());
  EXPECT_EQ(o.proxy.timeout, Millis(std::chrono::hours(8760)));
  EXPECT_EQ(o.proxy.websocket.message_bytes_max, uint64_t{1} << 40);
}

TEST(Load, PortIsTheListeningPortUnlessAnAddressIsGiven) {
  EXPECT_EQ(loaded({}, {{"PORT", "9000"}}).http_bind_address, ":9000");
  EXPECT_EQ(loaded({"--http-bind-address=127.0.0.1:81"}, {{"PORT", "9000"}}).http_bind_address, "127.0.0.1:81");
}

TEST(Load, RefusesToStartWithoutToken) {
  for (const Environment& environment : {Environment{}, Environment{{"ROUTER_AUTH_TOKEN", " \t "}},
                                         Environment{{"ALLOW_UNAUTHENTICATED_ROUTER", "false"}},
                                         Environment{{"ALLOW_UNAUTHENTICATED_ROUTER", "enable"}}}) {
    const auto got = load_options(server::Product::kRouter, {}, environment);
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().exit_code, 2);
    EXPECT_THAT(got.error().err, StartsWith("ROUTER_AUTH_TOKEN must be set to start the sandbox router securely. "));
  }
  const auto allowed = load_options(server::Product::kRouter, {}, {{"ALLOW_UNAUTHENTICATED_ROUTER", "TRUE"}});
  ASSERT_TRUE(allowed.has_value());
  EXPECT_TRUE(allowed->router.auth_token.empty());
  const Arguments flag = {"--allow-unauthenticated-router"};
  EXPECT_TRUE(load_options(server::Product::kRouter, flag, {}).has_value());
  const Arguments off = {"--allow-unauthenticated-router=false"};
  EXPECT_FALSE(load_options(server::Product::kRouter, off, {{"ALLOW_UNAUTHENTICATED_ROUTER", "true"}}).has_value());
  const Arguments allow_all = {"--authz-mode=allow-all"};
  EXPECT_FALSE(load_options(server::Product::kRouter, allow_all, {}).has_value());
}

// Contract sandbox-router 2.1: another mode counts as secured, and the allow flag never switches it off.
TEST(Load, AuthorizationModesStartWithoutToken) {
  using front::router::AuthzMode;
  const Arguments review = {"--authz-mode=tokenreview", "--authz-tokenreview-ttl=10s",
                            "--authz-tokenreview-cache-size=5", "--authz-tokenreview-require-token",
                            "--authz-tokenreview-audiences=a,b"};
  const auto got = load_options(server::Product::kRouter, review, {{"ALLOW_UNAUTHENTICATED_ROUTER", "true"}});
  ASSERT_TRUE(got.has_value()) << got.error().err;
  EXPECT_EQ(got->router.authz.mode, AuthzMode::kTokenReview);
  EXPECT_EQ(got->router.authz.review_ttl, Millis(10'000));
  EXPECT_EQ(got->router.authz.review_cache_size, 5U);
  EXPECT_TRUE(got->router.authz.require_token);
  EXPECT_EQ(got->router.authz.audiences, (std::vector<std::string>{"a", "b"}));
  EXPECT_THAT(start_notices(*got), ::testing::Each(Not(HasSubstr("token"))));
  const Arguments scoped = {"--authz-mode=scoped-token", "--authz-scoped-token-keys-file=/k"};
  EXPECT_TRUE(load_options(server::Product::kRouter, scoped, {}).has_value());
  const Arguments lax = {"--authz-mode=tokenreview"};
  EXPECT_THAT(start_notices(load_options(server::Product::kRouter, lax, {}).value()),
              ::testing::Contains(HasSubstr("requests without a token are let in")));
}

TEST(Load, AuthorizationSettingsFitTogether) {
  EXPECT_THAT(refused({"--authz-mode=scoped-token"}), HasSubstr("needs authz-scoped-token-secret-file"));
  EXPECT_THAT(refused({"--authz-mode=tokenreview"}, {{"ROUTER_AUTH_TOKEN", "t"}}), HasSubstr("exclude each other"));
  EXPECT_THAT(refused({"--authz-mode=other"}), HasSubstr("allow-all, tokenreview or scoped-token"));
  EXPECT_THAT(refused({"--authz-tokenreview-ttl=0s"}), HasSubstr("--authz-tokenreview-ttl"));
  EXPECT_THAT(refused({"--authz-tokenreview-cache-size=0"}), HasSubstr("--authz-tokenreview-cache-size"));
  EXPECT_THAT(refused({"--authz-cookie-query-param=token"}), HasSubstr("needs authz-cookie-name"));
  EXPECT_THAT(refused({"--authz-cookie-name=c"}), HasSubstr("needs path-routing-prefix"));
  EXPECT_THAT(refused({"--authz-cookie-name=__Host-c", "--path-routing-prefix=/s"}), HasSubstr("__Host-"));
  EXPECT_THAT(refused({"--authz-cookie-name=c", "--path-routing-prefix=//s"}), HasSubstr("must not start with `//`"));
  EXPECT_THAT(refused({"--authz-cookie-name=c", "--path-routing-prefix=/s", "--authz-cookie-samesite=none",
                       "--authz-cookie-insecure"}),
              HasSubstr("browsers refuse it"));
  EXPECT_THAT(refused({"--authz-cookie-allowed-origins=example.com"}), HasSubstr("item 'example.com'"));
  const Arguments open = {"--authz-cookie-name=c", "--path-routing-prefix=/s", "--allow-unauthenticated-router"};
  const auto got = load_options(server::Product::kRouter, open, {});
  ASSERT_FALSE(got.has_value());
  EXPECT_THAT(got.error().err, HasSubstr("needs tokens to carry"));
  const auto o = loaded({"--authz-cookie-name=c", "--path-routing-prefix=/s", "--authz-cookie-query-param=token",
                         "--authz-cookie-allowed-origins=https://A.example:8443", "--trust-forwarded-proto"});
  EXPECT_EQ(o.router.authz.cookie.allowed_origins, (std::vector<std::string>{"https://a.example:8443"}));
}

TEST(Load, FlagBeforeFileBeforeEnvironmentBeforeDefault) {
  const File file("proxy-timeout: 60s\ncluster-domain: file.local\nworkers: 3\n");
  const Environment environment = {
      {"PROXY_TIMEOUT_SECONDS", "50"}, {"CLUSTER_DOMAIN", "env.local"}, {"MAX_KEEPALIVE_CONNECTIONS", "5"}};
  const auto o = loaded({"--config", file.path(), "--proxy-timeout=70s"}, environment);
  EXPECT_EQ(o.proxy.timeout, Millis(70'000));
  EXPECT_EQ(o.router.cluster_domain, "file.local");
  EXPECT_EQ(o.proxy.pool.idle_per_target_max, 5U);
  EXPECT_EQ(o.workers, 3U);
  EXPECT_EQ(o.proxy.connect_timeout, Millis(5'000));

  Environment with_file = environment;
  with_file["SANDBOX_ROUTER_CONFIG"] = file.path();
  EXPECT_EQ(loaded({}, with_file).proxy.timeout, Millis(60'000));
  const File other("proxy-timeout: 80s\n");
  EXPECT_EQ(loaded({"--config=" + other.path()}, with_file).proxy.timeout, Millis(80'000));
}

TEST(Load, FileProblemsNameFileLineAndNearestKey) {
  const File typo("workers: 2\nproxy-timeuot: 60s\n");
  EXPECT_THAT(refused({"--config=" + typo.path()}),
              HasSubstr(typo.path() + ": line 2: unknown key 'proxy-timeuot'; did you mean 'proxy-timeout'?"));
  const File nested("workers: 2\nproxy:\n  timeout: 60s\n");
  EXPECT_THAT(refused({"--config=" + nested.path()}),
              HasSubstr(nested.path() + ": line 2: 'proxy' holds a nested map"));
  const File value("workers: 2\nproxy-timeout: 60\n");
  EXPECT_THAT(refused({"--config=" + value.path()}), HasSubstr("line 2: proxy-timeout: '60' has no unit"));
  const File list("workers: [1, 2]\n");
  EXPECT_THAT(refused({"--config=" + list.path()}), HasSubstr("line 1: workers takes one value, not a list"));
  const File absent("enable-tracing: true\n");
  EXPECT_THAT(refused({"--config=" + absent.path()}), HasSubstr("this build does not have span export"));
  const File camel("proxyTimeout: 5s\n");
  EXPECT_THAT(refused({"--config=" + camel.path()}), HasSubstr("did you mean 'proxy-timeout'?"));
  EXPECT_THAT(refused({"--config=/nonexistent/x.yaml"}),
              HasSubstr("/nonexistent/x.yaml cannot be opened: No such file"));
  EXPECT_THAT(refused({"--config=" + ::testing::TempDir()}), HasSubstr("cannot be read"));
  const File long_file(std::string(1024 * 1024 + 1, '#'));
  EXPECT_THAT(refused({"--config=" + long_file.path()}), HasSubstr("longer than 1048576 bytes"));
  const File sequence("trusted-proxy-cidrs:\n- 10.0.0.0/8\n- 192.0.2.0/24\naccess-log: false\n");
  const auto o = loaded({"--config=" + sequence.path()});
  EXPECT_EQ(o.router.trusted_proxies.size(), 2U);
  EXPECT_FALSE(o.access_log);
}

TEST(Load, FlagForms) {
  EXPECT_EQ(loaded({"--proxy-timeout", "1m30s"}).proxy.timeout, Millis(90'000));
  EXPECT_EQ(loaded({"-proxy-timeout=200ms"}).proxy.timeout, Millis(200));
  EXPECT_EQ(loaded({"--proxy-timeout=1s", "--proxy-timeout=2s"}).proxy.timeout, Millis(2'000));
  EXPECT_FALSE(loaded({"--access-log=false"}).access_log);
  EXPECT_FALSE(loaded({"--access-log=0"}).access_log);
  EXPECT_TRUE(loaded({"--access-log=false", "--access-log"}).access_log);
  EXPECT_TRUE(loaded({"--allow-loopback-pod-ip"}).allow_loopback_pod_ip);
  EXPECT_EQ(loaded({"--metrics-bind-address="}).metrics_bind_address, "");
  EXPECT_EQ(loaded({"--metrics-bind-address=", "--workers=2"}).workers, 2U);
  EXPECT_EQ(loaded({"--metrics-bind-address", "", "--workers", "2"}).metrics_bind_address, "");
  EXPECT_EQ(loaded({"--http-bind-address=[::1]:0"}).http_bind_address, "[::1]:0");
  EXPECT_EQ(loaded({"--dns-server=[fd00::a]:53"}).dns_server, "[fd00::a]:53");
  const auto lists = loaded({"--trusted-proxy-cidrs=10.0.0.0/8,192.0.2.0/24", "--trusted-proxy-cidrs", "fd00::/8",
                             "--allowed-namespaces=a,b"});
  EXPECT_EQ(lists.router.trusted_proxies.size(), 3U);
  EXPECT_THAT(lists.router.allowed_namespaces, ElementsAre("a", "b"));
  EXPECT_TRUE(loaded({"--half-close=allow"}).proxy.half_close_allowed);
  EXPECT_EQ(loaded({"--pod-ip-policy=off"}).router.pod_ip_policy, front::router::PodIpPolicy::kOff);
  EXPECT_EQ(loaded({"--pod-ip-policy=known"}).router.pod_ip_policy, front::router::PodIpPolicy::kKnown);
  EXPECT_EQ(loaded({"--pod-ip-policy=auto"}).router.pod_ip_policy, std::nullopt);
  EXPECT_THAT(loaded({"--allowed-upgrades=SPDY/3.1"}).router.allowed_upgrades, ElementsAre("spdy/3.1"));
  EXPECT_EQ(loaded({"--upstream-max-retries=0"}).proxy.retry.retries_max, 0U);
}

TEST(Load, BadFlagsNameValueAndRange) {
  EXPECT_EQ(refused({"--proxy-timeout=180"}),
            "sandgate router: --proxy-timeout='180' has no unit (write 180s or 180ms) (accepted: 1ms to 8760h)\n");
  EXPECT_THAT(refused({"--proxy-timeout=0s"}), HasSubstr("is out of range (accepted: 1ms to 8760h)"));
  EXPECT_THAT(refused({"--proxy-timeout=-5s"}), HasSubstr("is out of range"));
  EXPECT_THAT(refused({"--workers=65"}), HasSubstr("1 to 64, or 0: the cores available"));
  EXPECT_THAT(refused({"--workers=-1"}), HasSubstr("--workers='-1'"));
  EXPECT_THAT(refused({"--workers"}), HasSubstr("--workers"));
  EXPECT_THAT(refused({"--access-log=maybe"}), HasSubstr("true or false"));
  EXPECT_THAT(refused({"--access-log", "false"}), HasSubstr("unexpected argument 'false' (write --flag=false)"));
  EXPECT_THAT(refused({"--proxytimeout=5s"}),
              HasSubstr("unknown flag '--proxytimeout'; did you mean --proxy-timeout?"));
  EXPECT_THAT(refused({"--zzz"}), HasSubstr("unknown flag '--zzz'"));
  EXPECT_THAT(refused({"stray"}), HasSubstr("unexpected argument 'stray'"));
  EXPECT_THAT(refused({"--http-bind-address="}), HasSubstr("--http-bind-address=''"));
  EXPECT_THAT(refused({"--path-routing-prefix=/x/"}), HasSubstr("ends with `/`"));
  EXPECT_THAT(refused({"--path-routing-prefix=x"}), HasSubstr("does not start with `/`"));
  EXPECT_THAT(refused({"--half-close=maybe"}), HasSubstr("cancel or allow"));
  EXPECT_THAT(refused({"--cluster-domain="}), HasSubstr("is empty"));
  EXPECT_THAT(refused({"--trusted-proxy-cidrs=10.0.0.0/8,x"}), HasSubstr("item 'x'"));
  EXPECT_THAT(refused({"--allowed-upgrades=h2c"}), HasSubstr("item 'h2c'"));
  EXPECT_THAT(refused({"--max-head-bytes=2048"}), HasSubstr("max-target-bytes (16384) is above max-head-bytes (2048)"));
  const std::string two = refused({"--workers=x", "--proxy-timeout=x"});
  EXPECT_THAT(two, HasSubstr("--workers="));
  EXPECT_THAT(two, HasSubstr("--proxy-timeout="));
}

TEST(Load, AValueMayEndInAnEqualsSign) {
  const Arguments arguments = {"--secure-access-keys=a=AAECAw==", "--mode", "uri", "-port=0", "word", "--nonsense"};
  const auto got = load_options(server::Product::kIngress, arguments, {});
  ASSERT_TRUE(got.has_value()) << got.error().err;
  EXPECT_EQ(got->secure_access_keys.reveal(), "a=AAECAw==");
  EXPECT_EQ(got->http_bind_address, ":0");
  EXPECT_EQ(got->ingress.mode, front::opensandbox::Mode::kUri);
}

TEST(Load, SettingsOfLaterBuildsAreRefusedUnlessOff) {
  for (const char* flag : {"--https-bind-address=:8443", "--tls-cert-file=/c", "--mtls-mode=required",
                           "--enable-otel-metrics", "--enable-otel-metrics=true", "--enable-tracing"}) {
    EXPECT_THAT(refused({flag}), HasSubstr("this build does not have")) << flag;
  }
  loaded({"--https-bind-address=", "--mtls-mode=off", "--enable-otel-metrics=false", "--authz-mode=allow-all",
          "--enable-tracing=false"});
}

TEST(Load, HelpAndVersionComeBeforeEverything) {
  const Arguments help = {"--nonsense", "--help"};
  const auto got = load_options(server::Product::kRouter, help, {});
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().exit_code, 0);
  EXPECT_EQ(got.error().out, help_text(router()));
  EXPECT_EQ(got.error().err, "");
  const Arguments version = {"--version"};
  const auto versioned = load_options(server::Product::kRouter, version, {});
  ASSERT_FALSE(versioned.has_value());
  EXPECT_EQ(versioned.error().exit_code, 0);
  EXPECT_EQ(versioned.error().out, "sandgate " SANDGATE_VERSION "\n");
}

TEST(Load, TheTokenIsNeverShown) {
  const Environment environment = {{"ROUTER_AUTH_TOKEN", "hunter2hunter2"}, {"SANDGATE_STRICT_CONFIG", "1"}};
  EXPECT_THAT(refused({"--workers=x", "--nonsense"}, environment), Not(HasSubstr("hunter2")));
  for (const std::string& notice : start_notices(loaded({}, environment)))
    EXPECT_THAT(notice, Not(HasSubstr("hunter2")));
}

TEST(Load, NoticesSayWhatIsOpen) {
  const auto open = load_options(server::Product::kRouter, {}, {{"ALLOW_UNAUTHENTICATED_ROUTER", "1"}});
  EXPECT_THAT(start_notices(open.value()), ::testing::Contains(HasSubstr("no token is set")));
  EXPECT_THAT(start_notices(loaded({"--pod-ip-policy=off"})), ::testing::Each(Not(HasSubstr("X-Sandbox-Pod-IP"))));
  EXPECT_THAT(start_notices(loaded({})), ::testing::Contains(HasSubstr("X-Sandbox-Pod-IP may name any")));
  EXPECT_THAT(start_notices(loaded({"--static-sandboxes=/f"})), ::testing::Each(Not(HasSubstr("X-Sandbox-Pod-IP"))));
  EXPECT_THAT(start_notices(loaded({"--pod-cidrs=10.0.0.0/8"})), ::testing::Each(Not(HasSubstr("X-Sandbox-Pod-IP"))));
}

TEST(Environment, FromTheProcess) {
  const char* const entries[] = {"A=1", "B=x=y", "noequals", "A=2", "C=", nullptr};
  const Environment got = environment_of(entries);
  EXPECT_EQ(got, (Environment{{"A", "1"}, {"B", "x=y"}, {"C", ""}}));
}

TEST(Schema, NamesAreUniqueAndDefaultsAreAccepted) {
  for (const server::Product product : all_products()) {
    const Schema& schema = schema_of(product);
    for (const Setting& s : schema.settings) {
      EXPECT_FALSE(s.help.empty()) << s.name;
      EXPECT_FALSE(s.section.empty()) << s.name;
      if (!s.has_flag()) continue;
      EXPECT_EQ(schema.find(s.name), &s) << s.name << " is in the table twice";
      EXPECT_EQ(schema.find_absent(s.name), nullptr) << s.name;
      Options options = schema.defaults;
      EXPECT_EQ(s.set(options, s.show(schema.defaults)), std::nullopt) << s.name;
    }
  }
}

TEST(Schema, EverySettingChangesOnlyItself) {
  for (const server::Product product : all_products()) {
    const Schema& schema = schema_of(product);
    for (const Setting& s : schema.settings) {
      if (!s.has_flag()) continue;
      // Candidates of every kind; each setting takes at least one that is not its default.
      bool changed = false;
      for (const char* value : {"true", "false",         "7s",          "500ms",       "7",        "300",
                                "2000", "2000000",       "127.0.0.1:7", "a.b",         "a",        "/a",
                                "warn", "allow",         "off",         "10.0.0.0/8",  "service",  "strict",
                                "uri",  "agent-sandbox", "accept",      "tokenreview", "https://a"}) {
        Options options = schema.defaults;
        const std::string before = s.show(options);
        if (s.set(options, value) || s.show(options) == before) continue;
        changed = true;
        for (const Setting& other : schema.settings) {
          if (&other != &s && other.show) {
            EXPECT_EQ(other.show(options), other.show(schema.defaults)) << s.name << " changed " << other.name;
          }
        }
        break;
      }
      EXPECT_TRUE(changed) << schema.command << " " << s.name;
    }
  }
}

/// Converts to anything: how many of these an aggregate takes is the number of its members.
struct Anything {
  template <class T>
  operator T() const {
    std::abort();  // only ever asked for its type
  }
};
template <class T, class... Taken>
consteval size_t members() {
  if constexpr (requires { T{Taken{}..., Anything{}}; }) {
    return members<T, Taken..., Anything>();
  } else {
    return sizeof...(Taken);
  }
}

// Whoever adds a member to an option struct adds a setting for it to schema.cc, and then changes the number
// here.
TEST(Schema, EveryMemberOfTheOptionStructsHasASetting) {
  EXPECT_EQ(members<wire::HeadLimits>(), 3U);
  EXPECT_EQ(members<wire::ConnectionOptions>(), 7U);
  EXPECT_EQ(members<proxy::RetryOptions>(), 5U);
  EXPECT_EQ(members<proxy::PoolOptions>(), 3U);
  EXPECT_EQ(members<proxy::WebSocketOptions>(), 7U);
  EXPECT_EQ(members<proxy::LimitOptions>(), 4U);
  EXPECT_EQ(members<proxy::ProxyOptions>(), 15U);
  EXPECT_EQ(members<front::router::RouterOptions>(), 16U);
  EXPECT_EQ(members<front::router::AuthzOptions>(), 9U);
  EXPECT_EQ(members<front::router::CookieOptions>(), 5U);
  EXPECT_EQ(members<server::WatchOptions>(), 14U);
  EXPECT_EQ(members<server::ServerOptions>(), 31U);
}

TEST(Help, NamesEverySetting) {
  for (const server::Product product : all_products()) {
    const Schema& schema = schema_of(product);
    const std::string help = help_text(schema);
    for (const Setting& s : schema.settings) {
      EXPECT_THAT(help, HasSubstr(s.has_flag() ? "\n  --" + s.name : "\n  " + s.environment.name));
      EXPECT_THAT(help, HasSubstr(s.environment.name));
    }
  }
}

// The tables between the two marks are made by settings_markdown(). To bring the page up to date after a
// change of the table, run this test with SANDGATE_UPDATE_DOCS=1 in its environment.
TEST(Help, ManualHoldsTheTables) {
  const std::string path = SANDGATE_SOURCE_DIR "/docs/configuration.md";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::string page{std::istreambuf_iterator<char>(file), {}};
  std::string joined = page;
  std::ranges::replace(joined, '\n', ' ');
  for (const server::Product product : all_products()) {
    const Schema& schema = schema_of(product);
    const std::string command(schema.command);
    const std::string begin = "<!-- settings of " + command + ": begin -->\n";
    const std::string end = "<!-- settings of " + command + ": end -->";
    const size_t from = page.find(begin);
    const size_t to = page.find(end);
    ASSERT_NE(from, std::string::npos) << begin;
    ASSERT_NE(to, std::string::npos) << end;
    const std::string wanted = "\n" + settings_markdown(schema) + "\n";
    for (const AbsentSetting& s : schema.absent) {
      const std::string named =
          "`" + std::string(s.name) + "`" + (s.off.empty() ? "" : " (`" + std::string(s.off) + "`)");
      EXPECT_TRUE(joined.find(named) != std::string::npos) << named;
    }
    const bool same = page.substr(from + begin.size(), to - from - begin.size()) == wanted;
    if (std::getenv("SANDGATE_UPDATE_DOCS") != nullptr) {
      page.replace(from + begin.size(), to - from - begin.size(), wanted);
    } else {
      EXPECT_TRUE(same) << "docs/configuration.md is out of date for " << command
                        << "; run this test with SANDGATE_UPDATE_DOCS=1";
    }
  }
  if (std::getenv("SANDGATE_UPDATE_DOCS") != nullptr) std::ofstream(path) << page;
}

}  // namespace
}  // namespace sandgate::config
