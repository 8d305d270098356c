#include "control/redis_dsn.h"

#include <gtest/gtest.h>

namespace sandgate::control {
namespace {

using Transport = RedisDsn::Transport;

struct Good {
  std::string_view text;
  Transport transport;
  std::string_view host;
  uint16_t port;
  std::string_view path;
  std::string_view user;
  std::string_view password;
  uint32_t db;
};

constexpr Good kGood[] = {
    {"redis://127.0.0.1:6379/0", Transport::kTcp, "127.0.0.1", 6379, "", "", "", 0},
    {"redis://", Transport::kTcp, "localhost", 6379, "", "", "", 0},
    {"redis://cache", Transport::kTcp, "cache", 6379, "", "", "", 0},
    {"redis://cache:", Transport::kTcp, "cache", 6379, "", "", "", 0},
    {"redis://cache/", Transport::kTcp, "cache", 6379, "", "", "", 0},
    {"redis://:7000/3", Transport::kTcp, "localhost", 7000, "", "", "", 3},
    {"REDIS://cache:1/15", Transport::kTcp, "cache", 1, "", "", "", 15},
    {"redis://cache:65535/2147483647", Transport::kTcp, "cache", 65535, "", "", "", 2147483647},
    {"redis://cache?db=4", Transport::kTcp, "cache", 6379, "", "", "", 4},
    {"redis://cache/5?db=4", Transport::kTcp, "cache", 6379, "", "", "", 5},
    {"redis://:secret@cache/1", Transport::kTcp, "cache", 6379, "", "", "secret", 1},
    {"redis://ann:secret@cache", Transport::kTcp, "cache", 6379, "", "ann", "secret", 0},
    {"redis://ann@cache", Transport::kTcp, "cache", 6379, "", "ann", "", 0},
    {"redis://ann:a%2Fb%40c%3a@cache", Transport::kTcp, "cache", 6379, "", "ann", "a/b@c:", 0},
    {"redis://ann:a:b@c@cache", Transport::kTcp, "cache", 6379, "", "ann", "a:b@c", 0},
    {"redis://[::1]:7001/2", Transport::kTcp, "::1", 7001, "", "", "", 2},
    {"redis://[fd00::1]", Transport::kTcp, "fd00::1", 6379, "", "", "", 0},
    {"rediss://u:p@cache.example.com:6380/7", Transport::kTls, "cache.example.com", 6380, "", "u", "p", 7},
    {"unix:///run/redis.sock", Transport::kUnix, "localhost", 6379, "/run/redis.sock", "", "", 0},
    {"unix:///run/redis.sock?db=9", Transport::kUnix, "localhost", 6379, "/run/redis.sock", "", "", 9},
    {"unix://u:p@/run/re%20dis.sock", Transport::kUnix, "localhost", 6379, "/run/re dis.sock", "u", "p", 0},
};

TEST(RedisDsn, ReadsEveryForm) {
  for (const Good& good : kGood) {
    SCOPED_TRACE(good.text);
    const auto dsn = parse_redis_dsn(good.text);
    ASSERT_TRUE(dsn) << dsn.error().message;
    EXPECT_EQ(dsn->transport, good.transport);
    EXPECT_EQ(dsn->host, good.host);
    EXPECT_EQ(dsn->port, good.port);
    EXPECT_EQ(dsn->path, good.path);
    EXPECT_EQ(dsn->user, good.user);
    EXPECT_EQ(dsn->password.reveal(), good.password);
    EXPECT_EQ(dsn->db, good.db);
    EXPECT_TRUE(dsn->ignored.empty());
  }
}

struct Bad {
  std::string_view text;
  std::string_view said;
};

constexpr Bad kBad[] = {
    {"", "no URL"},
    {"cache:6379", "no URL"},
    {"redis:cache", "no URL"},
    {"http://cache", "invalid URL scheme \"http\""},
    {"redis+tls://cache", "invalid URL scheme \"redis+tls\""},
    {"redis-sentinel://cache", "invalid URL scheme \"redis-sentinel\""},
    {"://cache", "invalid URL scheme: "},
    {"redis://cache/x", "invalid database number \"x\""},
    {"redis://cache/-1", "invalid database number \"-1\""},
    {"redis://cache/+1", "invalid database number \"+1\""},
    {"redis://cache/1/2", "invalid database number \"1/2\""},
    {"redis://cache/2147483648", "0 to 2147483647"},
    {"redis://cache/99999999999999999999", "invalid database number"},
    {"redis://cache?db=", "invalid database number \"\""},
    {"redis://cache?db", "invalid database number \"\""},
    {"unix:///run/redis.sock?db=one", "invalid database number \"one\""},
    {"redis://cache?frob=1", "unexpected option \"frob\""},
    {"redis://cache:0", "1 to 65535"},
    {"redis://cache:65536", "1 to 65535"},
    {"redis://cache:http", "1 to 65535"},
    {"redis://ca che", "percent-encoded"},
    {"redis://cache\n", "percent-encoded"},
    {"redis://ca%20che", "invalid host"},
    {"redis://[::1", "invalid host"},
    {"redis://[::1]7", "invalid host"},
    {"redis://[cache]", "invalid host"},
    {"redis://u:%zz@cache", "percent escape"},
    {"redis://u:%4@cache", "percent escape"},
    {"unix://", "invalid socket path"},
    {"unix://run/redis.sock", "invalid socket path"},
    {"unix:///a%00b", "invalid socket path"},
};

TEST(RedisDsn, RefusesAndSaysWhat) {
  for (const Bad& bad : kBad) {
    SCOPED_TRACE(bad.text);
    const auto dsn = parse_redis_dsn(bad.text);
    ASSERT_FALSE(dsn);
    EXPECT_NE(dsn.error().message.find(bad.said), std::string::npos) << dsn.error().message;
  }
  EXPECT_FALSE(parse_redis_dsn("unix:///" + std::string(107, 'x')));
  EXPECT_TRUE(parse_redis_dsn("unix:///" + std::string(106, 'x')));
  EXPECT_FALSE(parse_redis_dsn("redis://" + std::string(kRedisDsnBytesMax, 'x')));
}

TEST(RedisDsn, TakesWhatTheOldLibraryKnew) {
  const auto dsn = parse_redis_dsn("redis://cache/1?dial_timeout=3s&pool_size=4&db=7");
  ASSERT_TRUE(dsn);
  EXPECT_EQ(dsn->ignored, (std::vector<std::string>{"dial_timeout", "pool_size"}));
  EXPECT_EQ(dsn->db, 1u);
}

TEST(RedisDsn, NoMessageShowsThePassword) {
  for (const std::string_view text :
       {"redis://u:hunter2@cache:x/0", "redis://u:hun/ter2@cache", "http://u:hunter2@cache",
        "redis://u:1/hunter2@cache", "redis://u:1?hunter2@cache", "redis://u:hunter2%@cache",
        "redis://u:ab#hunter2@cache", "redis://u:hunter2@ca^che", "u:hunter2@cache", "unix://u:hunter2@cache/x"}) {
    const auto dsn = parse_redis_dsn(text);
    ASSERT_FALSE(dsn) << text;
    EXPECT_EQ(dsn.error().message.find("hunter2"), std::string::npos) << dsn.error().message;
    EXPECT_EQ(dsn.error().message.find("ter2"), std::string::npos) << dsn.error().message;
  }
  const auto dsn = parse_redis_dsn("rediss://u:hunter2@cache:7/3");
  ASSERT_TRUE(dsn);
  EXPECT_EQ(dsn->address(), "rediss://cache:7/3");
  EXPECT_EQ(parse_redis_dsn("redis://[::1]/0")->address(), "redis://[::1]:6379");
  EXPECT_EQ(parse_redis_dsn("unix://u:hunter2@/run/s?db=2")->address(), "unix:///run/s?db=2");
}

}  // namespace
}  // namespace sandgate::control
