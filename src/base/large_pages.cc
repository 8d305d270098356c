#include "base/large_pages.h"

#include <sys/mman.h>

#include <new>

namespace sandgate {
namespace {

constexpr size_t kLargePage = size_t{2} << 20;

std::align_val_t aligned(size_t bytes, size_t alignment) {
  return std::align_val_t(bytes < kLargePage ? alignment : kLargePage);
}

}  // namespace

void* LargePages::do_allocate(size_t bytes, size_t alignment) {
  void* memory = ::operator new(bytes, aligned(bytes, alignment));
  // A wish: nothing is wrong without.
  if (bytes >= kLargePage) ::madvise(memory, bytes / kLargePage * kLargePage, MADV_HUGEPAGE);
  return memory;
}

void LargePages::do_deallocate(void* memory, size_t bytes, size_t alignment) {
  ::operator delete(memory, aligned(bytes, alignment));
}

bool LargePages::do_is_equal(const memory_resource& other) const noexcept {
  return dynamic_cast<const LargePages*>(&other) != nullptr;
}

}  // namespace sandgate
