#include "front/opensandbox/keys.h"

#include "base/strings.h"
#include "crypto/crypto.h"
#include "front/opensandbox/route.h"

namespace sandgate::front::opensandbox {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

template <class Each>
Result<void> for_each_part(std::string_view text, char mark, const Each& each) {
  for (;;) {
    const size_t at = text.find(mark);
    if (const std::string_view part = trimmed(text.substr(0, at)); !part.empty()) {
      if (auto done = each(part); !done) return done;
    }
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + 1);
  }
}

}  // namespace

Result<void> RouteKeys::add(std::string_view segment) {
  const size_t equals = segment.find('=');
  const std::string_view id = trimmed(segment.substr(0, equals));
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : trimmed(segment.substr(equals + 1));
  if (id.empty() || value.empty()) {
    // What is longer than any word somebody would try may be a secret without its id.
    constexpr size_t kShownMax = 8;
    const std::string_view shown = segment.size() <= kShownMax ? segment : Secret::redacted();
    return fail("invalid keys segment " + go_quoted(shown) + " (want key_id=base64)");
  }
  if (id.size() != 1) return fail("key_id must be exactly 1 character, got " + go_quoted(id));
  const char c = id.front();
  if (!is_digit(c) && !(c >= 'a' && c <= 'z')) return fail("key_id must be lowercase [0-9a-z], got " + go_quoted(id));
  auto secret = crypto::base64_decode(value);
  if (!secret || secret->empty()) {
    return fail("decode secret for key " + go_quoted(id) + ": not standard base64 with padding");
  }
  keys_.insert_or_assign(c, SigningKey{c, Secret(std::move(*secret))});
  return {};
}

Result<std::shared_ptr<const RouteKeys>> RouteKeys::parse(std::string_view text) {
  if (trimmed(text).empty()) return std::shared_ptr<const RouteKeys>();
  auto keys = std::make_shared<RouteKeys>();
  const auto done = for_each_part(text, ',', [&](std::string_view part) { return keys->add(part); });
  if (!done) return tl::unexpected<Error>(done.error());
  if (keys->keys_.empty()) return fail("no keys parsed");
  return keys;
}

Result<std::shared_ptr<const RouteKeys>> RouteKeys::parse_file(std::string_view text) {
  auto keys = std::make_shared<RouteKeys>();
  const auto done = for_each_part(text, '\n', [&](std::string_view line) -> Result<void> {
    if (line.starts_with('#')) return {};
    return for_each_part(line, ',', [&](std::string_view part) { return keys->add(part); });
  });
  if (!done) return tl::unexpected<Error>(done.error());
  if (keys->keys_.empty()) return fail("no keys parsed");
  return keys;
}

const SigningKey* RouteKeys::find(char id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

}  // namespace sandgate::front::opensandbox
