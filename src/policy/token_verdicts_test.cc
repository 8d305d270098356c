#include "policy/token_verdicts.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace sandgate::policy {
namespace {

crypto::Sha256 token(int number) { return crypto::sha256(std::to_string(number)); }
MonoTime at(int seconds) { return MonoTime(Seconds(seconds)); }

TEST(TokenVerdicts, KeptUntilTheirTime) {
  TokenVerdicts book(10);
  EXPECT_EQ(book.find(token(1), at(0)), TokenVerdict::kUnknown);
  book.put(token(1), TokenVerdict::kGood, at(30));
  book.put(token(2), TokenVerdict::kBad, at(30));
  book.put(token(3), TokenVerdict::kFailed, at(10));
  EXPECT_EQ(book.find(token(1), at(29)), TokenVerdict::kGood);
  EXPECT_EQ(book.find(token(1), at(30)), TokenVerdict::kUnknown);
  EXPECT_EQ(book.find(token(2), at(0)), TokenVerdict::kBad);
  EXPECT_EQ(book.find(token(3), at(9)), TokenVerdict::kFailed);
  EXPECT_EQ(book.find(token(3), at(10)), TokenVerdict::kUnknown);
  book.put(token(1), TokenVerdict::kBad, at(60));
  EXPECT_EQ(book.find(token(1), at(30)), TokenVerdict::kBad);
  EXPECT_EQ(book.size(), 3u);
}

TEST(TokenVerdicts, InventedTokensDoNotPushOutThoseInUse) {
  TokenVerdicts book(4);
  for (int i = 0; i < 3; ++i) book.put(token(i), TokenVerdict::kGood, at(30));
  for (int i = 100; i < 200; ++i) book.put(token(i), i % 2 == 0 ? TokenVerdict::kBad : TokenVerdict::kFailed, at(30));
  EXPECT_EQ(book.size(), 4u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(book.find(token(i), at(0)), TokenVerdict::kGood) << i;
  EXPECT_EQ(book.find(token(199), at(0)), TokenVerdict::kFailed);
  EXPECT_EQ(book.find(token(198), at(0)), TokenVerdict::kUnknown);
}

TEST(TokenVerdicts, TheOldestGoFirstAndTheBoundHolds) {
  TokenVerdicts book(3);
  for (int i = 0; i < 5; ++i) book.put(token(i), TokenVerdict::kGood, at(30));
  EXPECT_EQ(book.size(), 3u);
  EXPECT_EQ(book.find(token(1), at(0)), TokenVerdict::kUnknown);
  EXPECT_EQ(book.find(token(2), at(0)), TokenVerdict::kGood);
  book.put(token(2), TokenVerdict::kGood, at(60));  // now the youngest
  book.put(token(7), TokenVerdict::kGood, at(30));
  EXPECT_EQ(book.find(token(3), at(0)), TokenVerdict::kUnknown);
  EXPECT_EQ(book.find(token(2), at(0)), TokenVerdict::kGood);
  TokenVerdicts least(0);
  least.put(token(1), TokenVerdict::kBad, at(30));
  EXPECT_EQ(least.find(token(1), at(0)), TokenVerdict::kBad);
}

TEST(TokenVerdicts, ManyThreads) {
  TokenVerdicts book(64);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&book, t] {
      for (int i = 0; i < 2000; ++i) {
        const int number = (i * 7 + t) % 100;
        const TokenVerdict wanted = number % 2 == 0 ? TokenVerdict::kGood : TokenVerdict::kBad;
        book.put(token(number), wanted, at(30));
        const TokenVerdict found = book.find(token(number), at(0));
        EXPECT_TRUE(found == wanted || found == TokenVerdict::kUnknown);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(book.size(), 64u);
}

}  // namespace
}  // namespace sandgate::policy
