#include "sandbox/table_memory.h"

#include <cstddef>
#include <utility>

#include "base/large_pages.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANDGATE_MEMORY_CHECKED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDGATE_MEMORY_CHECKED
#endif
#endif

namespace sandgate::sandbox {
namespace {

/// Slots of a shard with some 300 keys; what is larger does not come from the pool.
[[maybe_unused]] constexpr size_t kSlotsMax = 8192;

}  // namespace

std::pmr::memory_resource& table_memory() {
#ifdef SANDGATE_MEMORY_CHECKED
  return *std::pmr::new_delete_resource();  // in a pool, the use of what is gone would not be seen
#else
  // Never taken down: the last table may outlive everything static. What the pool takes at once doubles as it grows, so
  // a gateway with few sandboxes has no large page.
  static auto* pool = new std::pmr::synchronized_pool_resource({0, kSlotsMax}, new LargePages);
  return *pool;
#endif
}

RecordPtr make_record(SandboxRecord record) {
  return std::allocate_shared<const SandboxRecord>(std::pmr::polymorphic_allocator<SandboxRecord>(&table_memory()),
                                                   std::move(record));
}

}  // namespace sandgate::sandbox
