#include "front/opensandbox/route.h"

#include <gtest/gtest.h>

#include <set>

#include "front/opensandbox/opensandbox_front_end.h"
#include "front/opensandbox/resolve.h"
#include "front/opensandbox/route_cases.h"
#include "front/test_support.h"
#include "sandbox/table_builder.h"

namespace sandgate::front::opensandbox {
namespace {

constexpr SignatureForms kForms{true};

std::string percent_decoded(std::string_view text) {
  std::string out;
  return percent_decode(text, out) ? out : std::string(text);
}

/// The message that an expectation's short form stands for; anything else stays.
std::string long_form(std::string_view input, std::string_view expected) {
  const std::string invalid = "invalid ingress route: ";
  if (expected == "H") return invalid + "invalid host: " + std::string(input);
  if (expected == "M") return invalid + "missing sandbox ID or port";
  if (expected == "Z") return invalid + "invalid port format: port must not have leading zeros";
  if (expected == "U") {
    return invalid + "invalid URI path format: expected '/<sandbox-id>/<sandbox-port>/<path-to-request>', got: /" +
           percent_decoded(without_query(input));
  }
  if (expected.size() < 3 || expected[1] != ':') return std::string(expected);
  const std::string about(expected.substr(2));
  switch (expected[0]) {
    case 'S':
      return invalid + "invalid port format: strconv.Atoi: parsing " + about + ": invalid syntax";
    case 'R':
      return invalid + "invalid port format: strconv.Atoi: parsing " + about + ": value out of range";
    case 'P':
      return invalid + "invalid port format: invalid port " + about;
    default:
      return std::string(expected);
  }
}

std::string described(const ParsedRoute& parsed, bool uri) {
  switch (parsed.fault) {
    case RouteFault::kInvalid:
      return parsed.message;
    case RouteFault::kReserved:
      return "reserved";
    case RouteFault::kBadPath:
      return "bad path";
    case RouteFault::kNone:
      break;
  }
  const Route& route = parsed.route;
  std::string text = route.id + " " + std::to_string(route.port);
  if (route.is_signed()) text += " " + route.expires + " " + route.signature;
  if (uri) text.append(" -> ").append(route.add_slash ? "/" : "").append(route.rest);
  return text;
}

TEST(RouteTableTest, EveryInputInBothModes) {
  EXPECT_GE(std::size(kRouteCases), 150U);
  std::set<std::string_view> inputs;
  for (const RouteCase& c : kRouteCases) {
    EXPECT_TRUE(inputs.insert(c.input).second) << "twice: " << c.input;
    if (!c.input.empty()) {
      EXPECT_EQ(described(parse_host_route(c.input, kForms), false), long_form(c.input, c.header)) << c.input;
    }
    const std::string target = "/" + std::string(c.input);
    EXPECT_EQ(described(parse_uri_route(target, kForms), true), long_form(c.input, c.uri)) << target;
  }
}

TEST(RouteTableTest, StrongSignaturesAreNotSeenWhenOff) {
  const std::string_view strong = "sb-8080-x2qxvk-aaaaaaaaaaaaaaaaaaaaaaaaaa1";
  EXPECT_EQ(parse_host_route(strong, {}).fault, RouteFault::kInvalid);
  const auto uri = parse_uri_route("/sb/8080/x2qxvk/aaaaaaaaaaaaaaaaaaaaaaaaaa1/x", {});
  EXPECT_FALSE(uri.route.is_signed());
  EXPECT_EQ(uri.route.rest, "/x2qxvk/aaaaaaaaaaaaaaaaaaaaaaaaaa1/x");
}

/// The whole front end on every input: a known sandbox is forwarded to, an unknown one is 404, a bad route 400.
class RouteTableThroughFrontEnd : public testing::TestWithParam<std::pair<Mode, Provider>> {
 protected:
  RouteTableThroughFrontEnd() {
    for (const char* id : {"sb", "my-sandbox", "a-b-c"}) {
      sandbox::SandboxRecord r;
      r.ns = "team";
      r.id = id;
      r.address = *IpAddress::parse("10.0.0.7");
      r.addresses = {*r.address};
      r.ready_replicas = 1;
      r.kind = GetParam().second == Provider::kBatchSandbox ? sandbox::Kind::kBatchSandbox : sandbox::Kind::kSandbox;
      known_.insert(id);
      builder_.put(std::make_shared<const sandbox::SandboxRecord>(r));
    }
    table_ = builder_.build();
    options_.mode = GetParam().first;
    options_.provider = GetParam().second;
    options_.strong_signatures = StrongSignatures::kAccept;
    seams_.random_bytes = [] { return std::array<uint8_t, 16>{}; };
  }
  bool is_known(std::string id) const {
    if (id.starts_with("team~")) id.erase(0, 5);
    if (options_.provider == Provider::kBatchSandbox) return known_.contains(id);
    const auto names = name_candidates(id);
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return known_.contains(name); });
  }

  sandbox::TableBuilder builder_{{.uid = false, .user_path = false, .id = true}};
  std::shared_ptr<const sandbox::RoutingTable> table_;
  std::set<std::string> known_;
  IngressOptions options_;
  IngressSeams seams_;
  IngressState state_;
};

TEST_P(RouteTableThroughFrontEnd, EveryInput) {
  const OpenSandboxFrontEnd front(options_, seams_, state_, nullptr);
  const bool uri = options_.mode == Mode::kUri;
  int forwarded = 0;
  for (const RouteCase& c : kRouteCases) {
    // What no HTTP parser lets through cannot come here.
    if (c.input.empty() || (uri && c.input.find(' ') != std::string_view::npos)) continue;
    if (!uri && c.input != trim_blanks(c.input)) continue;
    const std::string target = uri ? "/" + std::string(c.input) : "/x//%2F?q";
    const TestRequest request("GET " + target + " HTTP/1.1\nHost: h\nOpenSandbox-Ingress-To: " + std::string(c.input),
                              table_.get());
    Plan plan;
    front.plan(request.inquiry(), plan);
    const ParsedRoute parsed = uri ? parse_uri_route(target, kForms) : parse_host_route(c.input, kForms);
    if (parsed.fault == RouteFault::kNone && is_known(parsed.route.id)) {
      ASSERT_EQ(plan.verdict, Verdict::kForward) << c.input;
      EXPECT_EQ(plan.target.port, parsed.route.port);
      EXPECT_EQ(plan.target.authority, "10.0.0.7:" + std::to_string(parsed.route.port));
      // No sandbox here is protected, so URI mode reads a signed form as path.
      const std::string_view rest = parsed.route.is_signed() ? parsed.route.legacy_rest : parsed.route.rest;
      const bool add_slash = parsed.route.is_signed() ? parsed.route.legacy_add_slash : parsed.route.add_slash;
      EXPECT_EQ(plan.path, uri ? (add_slash ? "/" : "") + std::string(rest) : target) << c.input;
      ++forwarded;
      continue;
    }
    ASSERT_EQ(plan.verdict, Verdict::kFail) << c.input;
    Answer answer;
    front.render(plan.failure, plan, false, answer);
    switch (parsed.fault) {
      case RouteFault::kNone:
        EXPECT_EQ(answer.status, 404) << c.input;
        EXPECT_EQ(answer.body, "OpenSandbox Ingress: sandbox not found: " + parsed.route.id + "\n");
        break;
      case RouteFault::kInvalid:
        EXPECT_EQ(answer.status, 400) << c.input;
        EXPECT_EQ(answer.body, "OpenSandbox Ingress: " + long_form(c.input, uri ? c.uri : c.header) + "\n");
        break;
      case RouteFault::kReserved:
        EXPECT_EQ(answer.status, 501) << c.input;
        break;
      case RouteFault::kBadPath:
        EXPECT_EQ(answer.status, 400) << c.input;
        EXPECT_EQ(answer.body, "400 Bad Request");
        break;
    }
  }
  EXPECT_GT(forwarded, 20);
}

INSTANTIATE_TEST_SUITE_P(ModesAndProviders, RouteTableThroughFrontEnd,
                         testing::Values(std::pair(Mode::kHeader, Provider::kBatchSandbox),
                                         std::pair(Mode::kHeader, Provider::kAgentSandbox),
                                         std::pair(Mode::kUri, Provider::kBatchSandbox),
                                         std::pair(Mode::kUri, Provider::kAgentSandbox)));

TEST(WithoutSignatureTest, OnlyASignedLabelChanges) {
  const struct {
    const char *host, *shown;
  } cases[] = {
      {"sb-8080-x2qxvk-dd5c1d45a.base.example", "sb-8080.base.example"},
      {"my-sandbox-8080-x2qxvk-dd5c1d45a.base.example:443", "my-sandbox-8080.base.example:443"},
      {"sb-8080-x2qxvk-dd5c1d45a", "sb-8080"},
      {"sb-8080-x2qxvk-dd5c1d45a:80", "sb-8080:80"},
      {":y-8080-x2qxvk-dd5c1d45a.b", ":y-8080.b"},
      {"sb-8080-x2qxvk-aaaaaaaaaaaaaaaaaaaaaaaaaa1.b", "sb-8080.b"},
      {"sb-8080.base.example", "sb-8080.base.example"},
      {"gateway.example", "gateway.example"},
      {"sb-8080-x2qxvk-DD5C1D45A.b", "sb-8080-x2qxvk-DD5C1D45A.b"},
      {"", ""},
      {"[::1]:80", "[::1]:80"},
  };
  for (const auto& c : cases) EXPECT_EQ(without_signature(c.host, kForms), c.shown) << c.host;
}

TEST(CleanedPathTest, AsTheProductsLibrary) {
  const struct {
    const char *path, *cleaned;
  } cases[] = {{"/", "/"},
               {"/a", "/a"},
               {"/a/", "/a/"},
               {"//", "/"},
               {"//a//b//", "/a/b/"},
               {"/./a", "/a"},
               {"/a/.", "/a"},
               {"/a/./", "/a/"},
               {"/a/..", "/"},
               {"/a/b/..", "/a"},
               {"/a/b/../", "/a/"},
               {"/../../etc", "/etc"},
               {"/..", "/"},
               {"/%2e%2e/x", "/%2e%2e/x"},
               {"/a/...", "/a/..."},
               {"/sb/8080/../../etc", "/etc"}};
  for (const auto& c : cases) EXPECT_EQ(cleaned_path(c.path), c.cleaned) << c.path;
}

}  // namespace
}  // namespace sandgate::front::opensandbox
