// Which fields of a message go on to the other side: the rules every proxy shares (RFC 9110 7.6.1, contract
// sandbox-router 1.5 and 1.6). What one product wants beyond them is a mask of further names to drop.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "http/head.h"

namespace sandgate::http {

/// A set of field names by id.
class FieldSet {
 public:
  constexpr FieldSet() = default;
  constexpr FieldSet(std::initializer_list<FieldId> ids) {
    for (FieldId id : ids) bits_ |= bit(id);
  }
  constexpr bool has(FieldId id) const { return (bits_ & bit(id)) != 0; }
  constexpr FieldSet with(FieldId id) const { return FieldSet(bits_ | bit(id)); }
  constexpr FieldSet operator|(FieldSet other) const { return FieldSet(bits_ | other.bits_); }

 private:
  constexpr explicit FieldSet(uint64_t bits) : bits_(bits) {}
  static constexpr uint64_t bit(FieldId id) { return uint64_t{1} << static_cast<unsigned>(id); }
  uint64_t bits_ = 0;
};

/// Appends every field of `head` that may go on, in order: without hop-by-hop fields, fields that Connection lists
/// (protected ones cannot be listed), framing (the codec makes its own), our own X-Sandgate-*, underscore twins, and
/// what is in `drop`.
void forward_fields(const MessageHead& head, FieldSet drop, std::vector<OutField>& out);
/// The same for a request, which may keep `TE: trailers`.
void forward_fields(const RequestHead& head, FieldSet drop, std::vector<OutField>& out);

/// RFC 3986 3.2.2 host with an optional port: a reg-name, an IPv4 address or a bracketed IPv6 address; no userinfo.
bool is_valid_host(std::string_view host);

}  // namespace sandgate::http
