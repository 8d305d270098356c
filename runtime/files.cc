#include "runtime/files.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/strings.h"
#include "runtime/upload_file.h"

namespace sandgate::runtime {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

double seconds_of(const timespec& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9; }

/// Status of one entry, links resolved. Nothing: vanished meanwhile, or a link that leads nowhere or out.
std::optional<struct stat> entry_status(const BaseDirectory& base, const Location& in, int dir, const char* name) {
  struct stat status {};
  if (::fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  if (!S_ISLNK(status.st_mode)) return status;
  const auto target = base.locate(in.canonical + "/" + name);
  if (!target || target->kind == Location::Kind::kMissing) return std::nullopt;
  return target->status;
}

}  // namespace

Result<std::vector<DirectoryEntry>> list_directory(const BaseDirectory& base, const Location& location,
                                                   size_t entries_max) {
  const auto refuse = [&](int error) { return fail(errno_message(error, location.canonical)); };
  const int fd = ::openat(location.dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return refuse(errno);
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd));
  if (!directory) {
    const int error = errno;
    ::close(fd);
    return refuse(error);
  }
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) return refuse(errno);
      break;
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || name.starts_with(kUploadPrefix)) continue;
    const auto status = entry_status(base, location, fd, entry->d_name);
    if (!status) continue;
    if (entries.size() == entries_max) {
      return fail("the directory holds more than " + std::to_string(entries_max) + " entries (--list-entries-max)");
    }
    entries.push_back({std::string(name), static_cast<uint64_t>(status->st_size), S_ISDIR(status->st_mode),
                       seconds_of(status->st_mtim), status->st_mode & 07777U});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

std::string http_date(std::time_t seconds) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  // Years before 0 or after 9999 have no place in the format; files with such times exist.
  constexpr std::time_t kLast = 253402300799;
  const std::time_t shown = std::clamp<std::time_t>(seconds, 0, kLast);
  ::gmtime_r(&shown, &utc);
  std::array<char, 64> text;
  const int length = std::snprintf(
      text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[static_cast<size_t>(utc.tm_wday)],
      utc.tm_mday, kMonths[static_cast<size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return {text.data(), static_cast<size_t>(length)};
}

std::string entity_tag(const struct stat& status) {
  std::array<char, 96> text;
  const int length =
      std::snprintf(text.data(), text.size(), "\"%llx-%llx-%llx.%09ld\"",
                    static_cast<unsigned long long>(status.st_ino), static_cast<unsigned long long>(status.st_size),
                    static_cast<unsigned long long>(status.st_mtim.tv_sec), status.st_mtim.tv_nsec);
  return {text.data(), static_cast<size_t>(length)};
}

bool names_tag(std::string_view if_none_match, std::string_view tag) {
  if (trim_blanks(if_none_match) == "*") return true;
  bool named = false;
  for_each_list_item(if_none_match, [&](std::string_view item) {
    if (item.starts_with("W/")) item.remove_prefix(2);
    named = named || item == tag;
  });
  return named;
}

RangeAnswer read_range(std::string_view field, uint64_t total) {
  field = trim_blanks(field);
  constexpr std::string_view kUnit = "bytes=";
  if (field.size() < kUnit.size() || !iequals(field.substr(0, kUnit.size()), kUnit)) return {};
  const std::string_view spec = trim_blanks(field.substr(kUnit.size()));
  const size_t dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos) return {};
  const std::string_view from = spec.substr(0, dash);
  const std::string_view to = spec.substr(dash + 1);
  // A number too long for 64 bits is a number all the same: larger than every file.
  const auto number = [](std::string_view digits) -> std::optional<uint64_t> {
    if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return std::nullopt;
    return parse_decimal(digits).value_or(UINT64_MAX);
  };
  if (from.empty()) {
    const auto suffix = number(to);
    if (!suffix) return {};
    if (*suffix == 0 || total == 0) return {RangeAnswer::kUnsatisfiable, {}};
    const uint64_t size = std::min(*suffix, total);
    return {RangeAnswer::kPart, {total - size, size}};
  }
  const auto first = number(from);
  const auto last = to.empty() ? std::optional<uint64_t>(UINT64_MAX) : number(to);
  if (!first || !last || *last < *first) return {};
  if (*first >= total) return {RangeAnswer::kUnsatisfiable, {}};
  return {RangeAnswer::kPart, {*first, std::min(*last, total - 1) - *first + 1}};
}

std::string errno_message(int error, std::string_view what) {
  return "[Errno " + std::to_string(error) + "] " + std::strerror(error) + ": '" + std::string(what) + "'";
}

}  // namespace sandgate::runtime
