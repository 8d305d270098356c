#include "runtime/file_answer.h"

#include <fcntl.h>

#include "runtime/files.h"

namespace sandgate::runtime {

std::optional<Answer> file_answer(const Location& location, const Request& request) {
  auto file = open_file(location, O_RDONLY);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0) return std::nullopt;

  const auto size = static_cast<uint64_t>(status.st_size);
  const std::string tag = entity_tag(status);
  const std::string modified = http_date(status.st_mtim.tv_sec);
  Answer answer;
  answer.with("ETag", tag).with("Last-Modified", modified).with("Accept-Ranges", "bytes");
  if (!request.if_none_match.empty() && names_tag(request.if_none_match, tag)) {
    answer.status = 304;
    return answer;
  }
  // If-Range: the range holds only for the very version the client knows (RFC 9110 13.1.5).
  const bool same_version = request.if_range.empty() || request.if_range == tag || request.if_range == modified;
  const RangeAnswer range = same_version ? read_range(request.range, size) : RangeAnswer{};
  if (range.kind == RangeAnswer::kUnsatisfiable) {
    Answer refused;
    refused.status = 416;
    refused.with("Content-Range", "bytes */" + std::to_string(size));
    return refused;
  }
  answer.with("Content-Type", "application/octet-stream");
  ByteRange part{0, size};
  if (range.kind == RangeAnswer::kPart) {
    part = range.range;
    answer.status = 206;
    answer.with("Content-Range", "bytes " + std::to_string(part.first) + "-" +
                                     std::to_string(part.first + part.size - 1) + "/" + std::to_string(size));
  }
  answer.body = FileBody{std::move(*file), part.first, part.size};
  return answer;
}

}  // namespace sandgate::runtime
