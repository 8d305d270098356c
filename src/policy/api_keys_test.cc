#include "policy/api_keys.h"

#include <gtest/gtest.h>

namespace sandgate::policy {
namespace {

// printf %s alpha | sha256sum, and the same of beta
constexpr std::string_view kAlpha = "sha256:8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8";
constexpr std::string_view kBeta = "sha256:f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753";

std::string line(std::string_view digest, std::string_view rest) {
  return std::string(digest) + " " + std::string(rest) + "\n";
}

std::string fault_of(const std::string& text) {
  const auto book = KeyBook::parse(text);
  return book ? "" : book.error().message;
}

TEST(KeyBookTest, FindsByTheKeyItself) {
  const auto book = KeyBook::parse("# keys\n\n" + line(kAlpha, "user=alice name=ci") +
                                   line(kBeta, "\tuser=*  # for the operators\r"));
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ((*book)->size(), 2U);
  const KeyScope* alpha = (*book)->find("alpha");
  ASSERT_NE(alpha, nullptr);
  EXPECT_EQ(alpha->name, "ci");
  EXPECT_TRUE(alpha->covers_user("alice"));
  EXPECT_FALSE(alpha->covers_user("bob"));
  EXPECT_TRUE(alpha->covers("alice", "anything"));
  EXPECT_TRUE(alpha->covers_port(1));
  const KeyScope* beta = (*book)->find("beta");
  ASSERT_NE(beta, nullptr);
  EXPECT_TRUE(beta->covers("bob", "x"));
  EXPECT_EQ((*book)->find("Alpha"), nullptr);
  EXPECT_EQ((*book)->find(""), nullptr);
  EXPECT_EQ((*book)->find(kAlpha), nullptr) << "the digest is no key";
  EXPECT_EQ((*book)->find(std::string(kApiKeyBytesMax + 1, 'a')), nullptr);
}

TEST(KeyBookTest, NarrowedToSandboxesAndPorts) {
  const auto book = KeyBook::parse(line(kAlpha, "user=alice,bob sandbox=one,two port=8888,9000-9002"));
  ASSERT_TRUE(book) << book.error().message;
  const KeyScope* scope = (*book)->find("alpha");
  EXPECT_TRUE(scope->covers("bob", "two"));
  EXPECT_FALSE(scope->covers("bob", "three"));
  EXPECT_FALSE(scope->covers("eve", "one"));
  for (const int port : {8888, 9000, 9002}) EXPECT_TRUE(scope->covers_port(static_cast<uint16_t>(port)));
  for (const int port : {8887, 8999, 9003}) EXPECT_FALSE(scope->covers_port(static_cast<uint16_t>(port)));
}

TEST(KeyBookTest, MistakesNameTheirLine) {
  const std::string good = line(kAlpha, "user=alice");
  EXPECT_EQ(fault_of(good), "");
  EXPECT_EQ(fault_of(""), "no key in it; at least one line sha256:<digest> user=<user> is needed");
  EXPECT_EQ(fault_of("# none\n"), fault_of(""));
  EXPECT_EQ(fault_of(good + "secret user=bob\n"), "line 2: a line starts with sha256: and 64 hex digits");
  EXPECT_EQ(fault_of("sha256:abc user=bob"), "line 1: a line starts with sha256: and 64 hex digits");
  EXPECT_EQ(fault_of("sha256:" + std::string(63, 'a') + "g user=bob"),
            "line 1: a line starts with sha256: and 64 hex digits");
  EXPECT_EQ(fault_of(line(kAlpha, "name=x")), "line 1: no user: user=<user>, or user=* for every user");
  EXPECT_EQ(fault_of(line(kAlpha, "user")), "line 1: 'user' is not of the form name=value");
  EXPECT_EQ(fault_of(line(kAlpha, "user=")), "line 1: 'user=' is not of the form name=value");
  EXPECT_EQ(fault_of(line(kAlpha, "user=a,,b")), "line 1: an empty item in 'user=a,,b'");
  EXPECT_EQ(fault_of(line(kAlpha, "users=a")), "line 1: 'users' is not one of user, sandbox, port and name");
  for (const char* port : {"0", "65536", "9-8", "80-", "-80", "x"}) {
    EXPECT_EQ(fault_of(line(kAlpha, std::string("user=a port=") + port)),
              "line 1: '" + std::string(port) + "' is no port: 1 to 65535, or two of them as from-to");
  }
  EXPECT_EQ(fault_of(good + good), "line 2: this key stands twice");
  EXPECT_EQ(fault_of(line(kAlpha, "user=a name=b name=c")), "line 1: 'name' stands twice");
}

TEST(KeyRingTest, AReplacedBookLivesWhileItIsUsed) {
  KeyRing ring;
  EXPECT_EQ(ring.current(), nullptr);
  ring.replace(*KeyBook::parse(line(kAlpha, "user=alice")));
  const auto used = ring.current();
  ring.replace(*KeyBook::parse(line(kBeta, "user=alice")));
  EXPECT_NE(used->find("alpha"), nullptr);
  EXPECT_EQ(ring.current()->find("alpha"), nullptr);
  EXPECT_NE(ring.current()->find("beta"), nullptr);
}

}  // namespace
}  // namespace sandgate::policy
