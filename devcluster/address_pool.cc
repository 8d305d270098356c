#include "devcluster/address_pool.h"

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

constexpr size_t kReturnedMax = 65'536;

bool usable(uint32_t address) { return (address & 0xff) != 0 && (address & 0xff) != 0xff; }

}  // namespace

Result<AddressPool> AddressPool::create(std::string_view network, uint64_t start) {
  const size_t slash = network.find('/');
  const auto base = IpAddress::parse(network.substr(0, slash));
  const unsigned prefix =
      slash == std::string_view::npos ? 0 : parse_decimal<unsigned>(network.substr(slash + 1)).value_or(0);
  if (!base || !base->is_v4() || prefix < 8 || prefix > 30) {
    return fail("'" + std::string(network) + "' is no IPv4 network with a prefix of 8 to 30 bits");
  }
  const uint32_t count = uint32_t{1} << (32 - prefix);
  return AddressPool(base->v4_bits() & ~(count - 1), count, static_cast<uint32_t>(start % count));
}

Result<IpAddress> AddressPool::take() {
  if (reuse_) {
    while (!returned_.empty()) {
      const uint32_t address = returned_.back();
      returned_.pop_back();
      if (used_.insert(address).second) return IpAddress::v4(address);
    }
  }
  for (uint32_t tried = 0; tried < count_; ++tried) {
    const uint32_t address = first_ + next_;
    next_ = (next_ + 1) % count_;
    if (usable(address) && used_.insert(address).second) return IpAddress::v4(address);
  }
  return fail("all addresses of the Pod network are in use");
}

void AddressPool::give_back(const IpAddress& address) {
  if (used_.erase(address.v4_bits()) == 0) return;
  returned_.push_back(address.v4_bits());
  if (returned_.size() > kReturnedMax) returned_.pop_front();
}

}  // namespace sandgate::devcluster
