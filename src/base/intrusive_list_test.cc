#include "base/intrusive_list.h"

#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <vector>

#include "base/random.h"

namespace sandgate {
namespace {

struct OneTag {};
struct TwoTag {};
struct Item : ListNode<OneTag>, ListNode<TwoTag> {
  explicit Item(int n) : number(n) {}
  int number;
};
using One = IntrusiveList<Item, OneTag>;
using Two = IntrusiveList<Item, TwoTag>;

template <class List>
std::vector<int> numbers(List& list) {
  std::vector<int> out;
  list.for_each([&](Item& item) { out.push_back(item.number); });
  return out;
}

TEST(IntrusiveListTest, OrderAndRemoval) {
  One list;
  EXPECT_TRUE(list.empty());
  Item a(1), b(2), c(3);
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  EXPECT_EQ(numbers(list), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(list.front().number, 1);
  EXPECT_EQ(list.back().number, 3);
  One::remove(b);
  EXPECT_EQ(numbers(list), (std::vector<int>{1, 3}));
  One::remove(b);  // not linked: nothing happens
  EXPECT_FALSE(b.ListNode<OneTag>::linked());
  list.push_front(b);
  EXPECT_EQ(numbers(list), (std::vector<int>{2, 1, 3}));
}

TEST(IntrusiveListTest, TwoListsAtOnce) {
  One one;
  Two two;
  Item a(1), b(2);
  one.push_back(a);
  one.push_back(b);
  two.push_back(b);
  two.push_back(a);
  Two::remove(a);
  EXPECT_EQ(numbers(one), (std::vector<int>{1, 2}));
  EXPECT_EQ(numbers(two), (std::vector<int>{2}));
}

TEST(IntrusiveListTest, ADestroyedElementIsGone) {
  One list;
  Item a(1);
  auto b = std::make_unique<Item>(2);
  list.push_back(a);
  list.push_back(*b);
  b.reset();
  EXPECT_EQ(numbers(list), (std::vector<int>{1}));
}

TEST(IntrusiveListTest, ADestroyedListLetsItsElementsGo) {
  Item a(1);
  {
    One list;
    list.push_back(a);
  }
  EXPECT_FALSE(a.ListNode<OneTag>::linked());
  One other;
  other.push_back(a);
  EXPECT_EQ(numbers(other), (std::vector<int>{1}));
}

TEST(IntrusiveListTest, TheVisitedElementMayLeave) {
  One list;
  Item a(1), b(2), c(3);
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  std::vector<int> seen;
  list.for_each([&](Item& item) {
    seen.push_back(item.number);
    One::remove(item);
  });
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveListDeathTest, NotTwiceInAList) {
  One list;
  Item a(1);
  list.push_back(a);
  EXPECT_DEATH(list.push_back(a), "assertion failed");
}

TEST(IntrusiveListTest, AgainstStdList) {
  Random random(5);
  One list;
  std::list<int> model;
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 50; ++i) items.push_back(std::make_unique<Item>(i));
  for (int step = 0; step < 20000; ++step) {
    Item& item = *items[random.below(items.size())];
    switch (random.below(3)) {
      case 0:
        if (item.ListNode<OneTag>::linked()) break;
        list.push_back(item);
        model.push_back(item.number);
        break;
      case 1:
        if (item.ListNode<OneTag>::linked()) break;
        list.push_front(item);
        model.push_front(item.number);
        break;
      default:
        One::remove(item);
        model.remove(item.number);
    }
    ASSERT_EQ(list.empty(), model.empty());
    if (!model.empty()) {
      ASSERT_EQ(list.front().number, model.front());
      ASSERT_EQ(list.back().number, model.back());
    }
  }
  EXPECT_EQ(numbers(list), std::vector<int>(model.begin(), model.end()));
}

}  // namespace
}  // namespace sandgate
