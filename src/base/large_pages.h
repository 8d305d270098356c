// Memory in pieces of megabytes, for what is read at random: on large pages a processor finds it without a walk through
// the page tables.
#pragma once

#include <cstddef>
#include <memory_resource>

namespace sandgate {

/// Pieces of 2 MiB and more are asked to lie on large pages, where the system has them; smaller ones are like any other
/// memory. Made to stand below a pool. Thread safe.
class LargePages final : public std::pmr::memory_resource {
 private:
  void* do_allocate(size_t bytes, size_t alignment) override;
  void do_deallocate(void* memory, size_t bytes, size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override;
};

}  // namespace sandgate
