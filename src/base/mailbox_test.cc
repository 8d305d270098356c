#include "base/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/snapshot_slot.h"

namespace sandgate {
namespace {

TEST(MailboxTest, InOrderAndWokenOnce) {
  int woken = 0;
  Mailbox<int> box([&] { ++woken; });
  box.send(1);
  box.send(2);
  EXPECT_EQ(woken, 1) << "only the first into an empty box wakes";
  EXPECT_EQ(box.take(), (std::vector<int>{1, 2}));
  EXPECT_TRUE(box.take().empty());
  box.send(3);
  EXPECT_EQ(woken, 2);
}

TEST(MailboxTest, MovesItsMessages) {
  Mailbox<std::unique_ptr<int>> box;
  box.send(std::make_unique<int>(7));
  const auto messages = box.take();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(*messages[0], 7);
}

TEST(MailboxTest, ManySendersLoseNothing) {
  std::atomic<int> wakes{0};
  Mailbox<int> box([&] { ++wakes; });
  constexpr int kSenders = 4;
  constexpr int kEach = 5000;
  std::vector<std::thread> senders;
  for (int s = 0; s < kSenders; ++s) {
    senders.emplace_back([&box, s] {
      for (int i = 0; i < kEach; ++i) box.send(s * kEach + i);
    });
  }
  std::vector<int> got;
  while (got.size() < kSenders * kEach) {
    for (int message : box.take()) got.push_back(message);
  }
  for (std::thread& t : senders) t.join();
  std::vector<int> last(kSenders, -1);
  for (int message : got) {
    EXPECT_LT(last[static_cast<size_t>(message / kEach)], message % kEach) << "one sender's messages keep their order";
    last[static_cast<size_t>(message / kEach)] = message % kEach;
  }
  EXPECT_GE(wakes.load(), 1);
}

TEST(SnapshotSlotTest, NewestWins) {
  SnapshotSlot<int> slot;
  std::shared_ptr<const int> current;
  EXPECT_FALSE(slot.take(current));
  slot.put(std::make_shared<const int>(1));
  slot.put(std::make_shared<const int>(2));
  EXPECT_TRUE(slot.take(current));
  EXPECT_EQ(*current, 2);
  EXPECT_FALSE(slot.take(current)) << "nothing newer";
  EXPECT_EQ(*current, 2);
}

TEST(SnapshotSlotTest, AnUnreadSnapshotIsLetGo) {
  SnapshotSlot<int> slot;
  auto first = std::make_shared<const int>(1);
  const std::weak_ptr<const int> watch = first;
  slot.put(std::move(first));
  slot.put(std::make_shared<const int>(2));
  EXPECT_TRUE(watch.expired());
}

TEST(SnapshotSlotTest, AReaderSeesThemInOrderAndAtLastTheNewest) {
  SnapshotSlot<int> slot;
  constexpr int kLast = 20000;
  std::thread publisher([&] {
    for (int i = 1; i <= kLast; ++i) slot.put(std::make_shared<const int>(i));
  });
  std::shared_ptr<const int> current;
  int seen = 0;
  while (seen < kLast) {
    if (!slot.take(current)) continue;
    ASSERT_NE(current, nullptr);
    ASSERT_GT(*current, seen);
    seen = *current;
  }
  publisher.join();
}

}  // namespace
}  // namespace sandgate
