// The bytes of a watch and of a list: wherever they are cut, the same comes out, and nothing comes out that did not go
// in. A finished list has balanced brackets.
//
// Input: byte 0 = bit 0 list instead of watch, other bits how long the pieces are; rest = the stream.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "kube/list_decoder.h"
#include "kube/transport.h"
#include "kube/watch_decoder.h"

namespace {

using sandgate::kube::DecodedEvent;
using sandgate::kube::ListDecoder;
using sandgate::kube::parse_status;
using sandgate::kube::WatchDecoder;

constexpr size_t kBytesMax = 4'096;

std::vector<std::string_view> pieces_of(std::string_view text, size_t length) {
  std::vector<std::string_view> out;
  for (; !text.empty(); text.remove_prefix(std::min(length, text.size()))) out.push_back(text.substr(0, length));
  return out;
}

std::vector<std::string> watch(std::string_view text, size_t piece_length) {
  WatchDecoder decoder(kBytesMax);
  std::vector<std::string> out;
  for (const std::string_view piece : pieces_of(text, piece_length)) {
    decoder.feed(piece);
    for (;;) {
      const auto event = decoder.next();
      if (!event) {
        SG_ASSERT(!event.error().message.empty() && !decoder.next());
        out.push_back("broken");
        return out;
      }
      if (!*event) break;
      const DecodedEvent& one = **event;
      SG_ASSERT(one.object_json.starts_with('{') && one.object_json.ends_with('}'));
      SG_ASSERT(one.object_json.size() <= kBytesMax && text.find(one.object_json) != std::string_view::npos);
      if (one.kind == DecodedEvent::Kind::kError) {
        SG_ASSERT(parse_status(0, one.object_json).message.size() <= 2'048);
      }
      out.push_back(std::to_string(static_cast<int>(one.kind)) + std::to_string(static_cast<int>(one.type)) +
                    (one.initial_events_end ? "e" : "") + std::string(one.resource_version) + "\n" +
                    std::string(one.object_json));
    }
  }
  return out;
}

std::vector<std::string> list(std::string_view text, size_t piece_length) {
  std::vector<std::string> out;
  ListDecoder decoder(kBytesMax, [&](std::string_view item) {
    SG_ASSERT(item.starts_with('{') && item.ends_with('}') && item.size() <= kBytesMax);
    SG_ASSERT(text.find(item) != std::string_view::npos);
    out.emplace_back(item);
  });
  for (const std::string_view piece : pieces_of(text, piece_length)) {
    if (!decoder.feed(piece)) {
      SG_ASSERT(!decoder.finish());
      out.push_back("broken");
      return out;
    }
  }
  SG_ASSERT(decoder.items() == out.size());
  out.push_back(decoder.finish() ? decoder.resource_version() + "\n" + decoder.continue_token() : "broken");
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t piece_length = 1 + (data[0] >> 1) % 24;
  const auto read = (data[0] & 1) != 0 ? &list : &watch;
  SG_ASSERT(read(text, text.size() + 1) == read(text, piece_length));
  return 0;
}
