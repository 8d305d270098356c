#include "sandbox/static_file.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/strings.h"

namespace sandgate::sandbox {
namespace {

constexpr std::string_view kForm = "expected `NAMESPACE/ID ADDRESS:PORT` or `ID ADDRESS:PORT`";
constexpr std::string_view kLabel = "must be 1 to 63 of a-z, 0-9 and `-`, beginning and ending with a letter or digit";
constexpr size_t kQuotedBytesMax = 80;

/// Fit for a message: short, and without control bytes that could change what a terminal or a log shows.
std::string in_quotes(std::string_view text) {
  std::string out = "`";
  for (char c : text.substr(0, kQuotedBytesMax)) {
    const auto byte = static_cast<uint8_t>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return out + (text.size() > kQuotedBytesMax ? "...`" : "`");
}

std::string_view take_word(std::string_view& line) {
  line = trim_blanks(line);
  const size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

/// One line that is not empty; the error is without file and line.
Result<SandboxRecord> parse_line(std::string_view line) {
  const std::string_view name = take_word(line);
  const std::string_view target = take_word(line);
  if (target.empty()) return fail("no address after " + in_quotes(name));
  if (!trim_blanks(line).empty()) return fail("nothing may follow " + in_quotes(target));

  SandboxRecord record;
  const size_t slash = name.find('/');
  const bool named = slash != std::string_view::npos;
  record.ns = named ? name.substr(0, slash) : "default";
  record.id = named ? name.substr(slash + 1) : name;
  if (!is_dns_label(record.ns)) return fail("bad namespace " + in_quotes(record.ns) + ", it " + std::string(kLabel));
  if (!is_dns_label(record.id)) return fail("bad sandbox ID " + in_quotes(record.id) + ", it " + std::string(kLabel));

  const auto endpoint = Endpoint::parse(target);
  if (!endpoint || endpoint->port == 0) {
    return fail("bad target " + in_quotes(target) +
                ", it must be an IPv4 address or an IPv6 address in brackets, a colon and " + "a port from 1 to 65535");
  }
  record.address = endpoint->address;
  record.addresses.push_back(endpoint->address);
  record.port = endpoint->port;
  return record;
}

}  // namespace

Result<std::vector<SandboxRecord>> parse_static_sandboxes(std::string_view text, std::string_view file_name) {
  std::vector<SandboxRecord> records;
  std::map<std::pair<std::string, std::string>, size_t> line_of;
  const auto error_at = [&](size_t number, const std::string& what) {
    return fail(std::string(file_name) + ":" + std::to_string(number) + ": " + what + "; " + std::string(kForm));
  };
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trim_blanks(line.substr(0, line.find('#')));
    if (line.empty()) continue;

    Result<SandboxRecord> record = parse_line(line);
    if (!record) return error_at(number, record.error().message);
    const auto [earlier, added] = line_of.try_emplace({record->ns.str(), record->id.str()}, number);
    if (!added) {
      return error_at(number, "sandbox " + in_quotes(record->ns + "/" + record->id) + " is already in line " +
                                  std::to_string(earlier->second));
    }
    records.push_back(*std::move(record));
  }
  return records;
}

}  // namespace sandgate::sandbox
