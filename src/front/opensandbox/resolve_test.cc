// Contract opensandbox-ingress 4 and 2.4.
#include "front/opensandbox/resolve.h"

#include <gtest/gtest.h>

#include "sandbox/table_builder.h"

namespace sandgate::front::opensandbox {
namespace {

using Names = std::vector<std::string>;

TEST(NameCandidatesTest, TheTable) {
  const std::string x70(70, 'x');
  const std::string s60(60, '7');
  EXPECT_EQ(name_candidates("sb"), (Names{"sb", "sandbox-sb"}));
  EXPECT_EQ(name_candidates("123abc"), (Names{"sandbox-123abc", "123abc"}));
  EXPECT_EQ(name_candidates("My_ID"), (Names{"my-id", "My_ID", "sandbox-My_ID"}));
  EXPECT_EQ(name_candidates("sandbox-abc"), (Names{"sandbox-abc"}));
  EXPECT_EQ(name_candidates("--"), (Names{"sandbox-d8156bae", "--", "sandbox---"}));
  EXPECT_EQ(name_candidates(x70), (Names{std::string(54, 'x') + "-c71bd109", x70, "sandbox-" + x70}));
  EXPECT_EQ(name_candidates(s60), (Names{"sandbox-" + std::string(46, '7') + "-0abedccf", s60, "sandbox-" + s60}));
}

TEST(Dns1035Test, Forms) {
  const struct {
    const char *id, *form;
  } cases[] = {{"a", "a"},   {"A-B", "a-b"},   {" a ", "a"},       {"a..b", "a-b"},      {"a-.-b", "a-b"},
               {"-a-", "a"}, {"a_-_b", "a-b"}, {"9", "sandbox-9"}, {"a\xc3\xa4z", "a-z"}};
  for (const auto& c : cases) EXPECT_EQ(dns_1035_form(c.id), c.form) << c.id;
  EXPECT_EQ(dns_1035_form(std::string(63, 'a')).size(), 63U);
  EXPECT_LE(dns_1035_form(std::string(200, 'a')).size(), 63U);
  EXPECT_EQ(dns_1035_form(std::string(53, 'a') + "-" + std::string(20, 'b')).substr(0, 54), std::string(53, 'a') + "-")
      << "no hyphen twice before the hash";
}

struct Table {
  void put(const std::string& ns, const std::string& id, sandbox::Kind kind) {
    sandbox::SandboxRecord r;
    r.ns = ns;
    r.id = id;
    r.kind = kind;
    builder.put(std::make_shared<const sandbox::SandboxRecord>(r));
    table = builder.build();
  }
  sandbox::TableBuilder builder{{.uid = false, .user_path = false, .id = true}};
  std::shared_ptr<const sandbox::RoutingTable> table;
};

TEST(FindSandboxTest, BatchIsExact) {
  Table t;
  t.put("a", "sb", sandbox::Kind::kBatchSandbox);
  t.put("a", "other", sandbox::Kind::kSandbox);
  const auto find = [&](std::string_view id) { return find_sandbox(t.table.get(), Provider::kBatchSandbox, id); };
  EXPECT_EQ(find("sb").finding, Finding::kFound);
  for (const char* id : {"SB", "sandbox-sb", "s", "other"}) {
    EXPECT_EQ(find(id).finding, Finding::kNotFound) << id;
    EXPECT_EQ(find(id).message, std::string("sandbox not found: ") + id);
  }
  EXPECT_EQ(find_sandbox(nullptr, Provider::kBatchSandbox, "sb").finding, Finding::kNotFound);
}

TEST(FindSandboxTest, AgentTakesTheFirstCandidateThatIsThere) {
  Table t;
  t.put("a", "sandbox-sb", sandbox::Kind::kSandbox);
  t.put("a", "my-id", sandbox::Kind::kSandbox);
  t.put("a", "sb", sandbox::Kind::kBatchSandbox);
  const auto find = [&](std::string_view id) { return find_sandbox(t.table.get(), Provider::kAgentSandbox, id); };
  ASSERT_EQ(find("sb").finding, Finding::kFound);
  EXPECT_EQ(find("sb").record->id, "sandbox-sb");
  EXPECT_EQ(find("My_ID").record->id, "my-id");
  EXPECT_EQ(find("none").message, "sandbox not found: none");
  t.put("b", "sb", sandbox::Kind::kSandbox);
  EXPECT_EQ(find("sb").record->ns, "b") << "before the one with the prefix";
}

TEST(FindSandboxTest, Ambiguous) {
  Table t;
  for (const char* ns : {"team-b", "team-c", "team-a"}) t.put(ns, "sb", sandbox::Kind::kBatchSandbox);
  const Found found = find_sandbox(t.table.get(), Provider::kBatchSandbox, "sb");
  EXPECT_EQ(found.finding, Finding::kAmbiguous);
  EXPECT_EQ(found.message, "ambiguous sandbox id \"sb\" found in multiple namespaces: [team-a/sb team-b/sb team-c/sb]");
  const Found one = find_sandbox(t.table.get(), Provider::kBatchSandbox, "team-b~sb");
  ASSERT_EQ(one.finding, Finding::kFound);
  EXPECT_EQ(one.record->ns, "team-b");
  EXPECT_EQ(find_sandbox(t.table.get(), Provider::kBatchSandbox, "team-d~sb").finding, Finding::kNotFound);
  EXPECT_EQ(find_sandbox(t.table.get(), Provider::kAgentSandbox, "team-b~sb").finding, Finding::kNotFound);
}

TEST(UnreadyTest, Batch) {
  const IngressOptions options;
  sandbox::SandboxRecord r;
  r.ns = "team";
  r.id = "sb";
  r.kind = sandbox::Kind::kBatchSandbox;
  r.replicas = 2;
  const auto message = [&] { return unready_message(r, "sb", options); };
  EXPECT_EQ(message(), "sandbox not ready: team/sb (ready: 0/2)");
  r.ready_replicas = 1;
  r.endpoint_problem = "BatchSandbox has no annotations";
  EXPECT_EQ(message(), "sandbox not ready: team/sb: BatchSandbox has no annotations");
  r.endpoint_problem.clear();
  EXPECT_EQ(message(), "sandbox not ready: team/sb: endpoints annotation contains no IPs");
  for (const char* bad : {"127.0.0.1", "::1", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "::ffff:127.0.0.1",
                          "::ffff:169.254.1.1", "::ffff:0.0.0.0", "224.0.0.1"}) {
    r.address = *IpAddress::parse(bad);
    EXPECT_TRUE(message().starts_with("sandbox not ready: team/sb: ")) << bad << message();
  }
  r.address = *IpAddress::parse("10.0.0.7");
  r.state = sandbox::State::kDeleting;
  EXPECT_EQ(message(), "") << "phase and conditions are ignored";
  r.address = *IpAddress::parse("127.0.0.1");
  IngressOptions local;
  local.allow_loopback_endpoints = true;
  EXPECT_EQ(unready_message(r, "sb", local), "");
  r.address = *IpAddress::parse("169.254.1.1");
  EXPECT_NE(unready_message(r, "sb", local), "");
}

TEST(UnreadyTest, Agent) {
  IngressOptions options;
  options.provider = Provider::kAgentSandbox;
  sandbox::SandboxRecord r;
  r.ns = "team";
  r.id = "sandbox-sb";
  r.state = sandbox::State::kStarting;
  r.has_status = false;
  const auto message = [&] { return unready_message(r, "sb", options); };
  EXPECT_EQ(message(), "sandbox not ready: sandbox sb missing status");
  r.has_status = true;
  EXPECT_EQ(message(), "sandbox not ready: sandbox sb not ready (DependenciesNotReady: Ready condition is not True)");
  r.reason = "PodPending";
  r.message = "no node fits";
  EXPECT_EQ(message(), "sandbox not ready: sandbox sb not ready (PodPending: no node fits)");
  r.state = sandbox::State::kReady;
  EXPECT_EQ(message(), "sandbox not ready: sandbox sb has no serviceFQDN");
  r.address = *IpAddress::parse("10.0.0.7");
  EXPECT_EQ(message(), "");
  r.address = *IpAddress::parse("127.0.0.1");
  EXPECT_NE(message(), "");
  r.service_fqdn = "sb.team.svc.cluster.local.";
  EXPECT_EQ(message(), "");
  r.service_fqdn = "no name";
  EXPECT_NE(message(), "");
}

TEST(FillTargetTest, BracketsAndNames) {
  sandbox::SandboxRecord r;
  r.ns = "team";
  r.id = "sb";
  r.pool_uid = "u";
  r.kind = sandbox::Kind::kBatchSandbox;
  r.address = *IpAddress::parse("fd00::1");
  r.addresses = {*r.address};
  r.service_fqdn = "ignored.example";
  Target target;
  fill_target(r, 8080, target);
  EXPECT_EQ(target.authority, "[fd00::1]:8080");
  EXPECT_EQ(target.address, r.address);
  EXPECT_EQ(target.uid, "u");
  EXPECT_TRUE(target.known);
  r.kind = sandbox::Kind::kSandbox;
  r.service_fqdn = "sb.team.svc.cluster.local.";
  target.clear();
  fill_target(r, 80, target);
  EXPECT_EQ(target.dns_name, "sb.team.svc.cluster.local");
  EXPECT_EQ(target.authority, "sb.team.svc.cluster.local:80");
  EXPECT_EQ(target.expected, r.addresses);
  EXPECT_FALSE(target.address);
}

}  // namespace
}  // namespace sandgate::front::opensandbox
