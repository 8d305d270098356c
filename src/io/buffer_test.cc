#include "io/buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace sandgate::io {
namespace {

TEST(BufferPoolTest, ClassesAndWhatIsAboveThem) {
  BufferPool pool;
  const std::pair<size_t, uint32_t> sizes[] = {{0, 4096},        {1, 4096},        {4096, 4096},
                                               {4097, 16384},    {16385, 65536},   {65537, 262144},
                                               {262144, 262144}, {262145, 262145}, {1000000, 1000000}};
  for (const auto& [asked, given] : sizes) {
    const BufferPool::Block block = pool.take(asked);
    EXPECT_EQ(block.size, given) << asked;
    EXPECT_EQ(pool.lent_bytes(), given);
    std::memset(block.data, 1, block.size);
    pool.give(block);
    EXPECT_EQ(pool.lent_bytes(), 0u);
  }
}

TEST(BufferPoolTest, AGivenBlockIsUsedAgain) {
  BufferPool pool;
  const BufferPool::Block first = pool.take(100);
  char* const data = first.data;
  pool.give(first);
  const BufferPool::Block second = pool.take(4000);
  EXPECT_EQ(second.data, data);
  pool.give(second);
}

TEST(BufferPoolTest, KeepsNoMoreThanItsBound) {
  BufferPool pool(8192);
  std::vector<BufferPool::Block> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(pool.take(1));
  std::vector<char*> given;
  for (const BufferPool::Block& block : blocks) {
    given.push_back(block.data);
    pool.give(block);  // two are kept, two freed: the sanitizer would see one too few
  }
  const BufferPool::Block a = pool.take(1);
  const BufferPool::Block b = pool.take(1);
  EXPECT_TRUE((a.data == given[1] && b.data == given[0]) || (a.data == given[0] && b.data == given[1]));
  pool.give(a);
  pool.give(b);
}

TEST(BufferTest, AnEmptyBufferHoldsNoBlock) {
  BufferPool pool;
  Buffer buffer(pool);
  EXPECT_TRUE(buffer.empty());
  EXPECT_TRUE(buffer.view().empty());
  buffer.append("");
  EXPECT_EQ(pool.lent_bytes(), 0u);
  buffer.append("hello");
  EXPECT_EQ(pool.lent_bytes(), 4096u);
  EXPECT_EQ(buffer.view(), "hello");
  buffer.consume(2);
  EXPECT_EQ(buffer.view(), "llo");
  buffer.consume(3);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(pool.lent_bytes(), 0u) << "given back as soon as it is empty";
  static_assert(sizeof(Buffer) <= 32, "a connection has two");
}

TEST(BufferTest, ReserveAndCommit) {
  BufferPool pool;
  Buffer buffer(pool);
  char* to = buffer.reserve(10);
  std::memcpy(to, "0123456789", 10);
  buffer.commit(4);
  EXPECT_EQ(buffer.view(), "0123");
  EXPECT_EQ(buffer.room(), 4092u);
  buffer.reserve(4092);
  EXPECT_EQ(pool.lent_bytes(), 4096u) << "it fits";
  buffer.reserve(4093);
  EXPECT_EQ(pool.lent_bytes(), 16384u);
  EXPECT_EQ(buffer.view(), "0123");
}

TEST(BufferTest, SlidesDownInsteadOfGrowing) {
  BufferPool pool;
  Buffer buffer(pool);
  buffer.append(std::string(4000, 'a') + "tail");
  buffer.consume(4000);
  buffer.append(std::string(3000, 'b'));
  EXPECT_EQ(pool.lent_bytes(), 4096u);
  EXPECT_EQ(buffer.view(), "tail" + std::string(3000, 'b'));
}

TEST(BufferTest, Moves) {
  BufferPool pool;
  Buffer a(pool);
  a.append("one");
  Buffer b(std::move(a));
  EXPECT_TRUE(a.empty());  // NOLINT: what a moved-from buffer is, is the point
  EXPECT_EQ(b.view(), "one");
  Buffer c(pool);
  c.append("two");
  c = std::move(b);
  EXPECT_EQ(c.view(), "one");
  EXPECT_EQ(pool.lent_bytes(), 4096u) << "two's block went back";
  a.append("again");
  EXPECT_EQ(a.view(), "again");
  Buffer& self = c;
  c = std::move(self);
  EXPECT_EQ(c.view(), "one");
}

TEST(BufferTest, AgainstAString) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    Random random(seed);
    BufferPool pool(64 * 1024);
    std::vector<Buffer> buffers;
    std::vector<std::string> models(3);
    for (size_t i = 0; i < models.size(); ++i) buffers.emplace_back(pool);
    char next = 0;
    for (int step = 0; step < 3000; ++step) {
      const size_t i = random.below(models.size());
      Buffer& buffer = buffers[i];
      std::string& model = models[i];
      const size_t largest = random.one_in(20) ? 300'000 : random.one_in(3) ? 9000 : 200;
      switch (random.below(6)) {
        case 0:
        case 1: {
          std::string bytes(random.below(largest), '\0');
          for (char& c : bytes) c = next++;
          buffer.append(bytes);
          model += bytes;
          break;
        }
        case 2: {
          const size_t room = 1 + random.below(largest);
          char* to = buffer.reserve(room);
          const size_t used = random.below(room + 1);
          for (size_t k = 0; k < used; ++k) to[k] = next++;
          model.append(to, used);
          buffer.commit(used);
          break;
        }
        case 3:
        case 4: {
          const size_t n = random.one_in(3) ? model.size() : random.below(model.size() + 1);
          buffer.consume(n);
          model.erase(0, n);
          break;
        }
        default: {
          const size_t k = random.below(models.size());
          if (k == i) {
            buffer.clear();
            model.clear();
          } else {
            buffer = std::move(buffers[k]);
            model = std::exchange(models[k], {});
          }
        }
      }
      ASSERT_EQ(buffer.size(), model.size()) << "seed " << seed << " step " << step;
      ASSERT_EQ(buffer.view(), model) << "seed " << seed << " step " << step;
    }
    buffers.clear();
    EXPECT_EQ(pool.lent_bytes(), 0u);
  }
}

}  // namespace
}  // namespace sandgate::io
