// Addresses for Pods, from one IPv4 network. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <set>

#include "base/ip_address.h"
#include "base/result.h"

namespace sandgate::devcluster {

class AddressPool {
 public:
  /// `network`: IPv4 in prefix notation, /8 to /30. `start`: how far into it the first address is (any number).
  /// Addresses that end in .0 or .255 are left out.
  static Result<AddressPool> create(std::string_view network, uint64_t start);

  /// `reuse`: the address given back last is given out first; without it, every other one comes first.
  void set_reuse(bool reuse) { reuse_ = reuse; }
  /// Fails when all are in use.
  Result<IpAddress> take();
  void give_back(const IpAddress& address);
  size_t in_use() const { return used_.size(); }

 private:
  AddressPool(uint32_t first, uint32_t count, uint32_t next) : first_(first), count_(count), next_(next) {}

  uint32_t first_;
  uint32_t count_;
  uint32_t next_;  // offset of the next fresh one
  bool reuse_ = false;
  std::set<uint32_t> used_;
  std::deque<uint32_t> returned_;  // newest last; at most kReturnedMax
};

}  // namespace sandgate::devcluster
