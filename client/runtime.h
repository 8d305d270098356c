// Commands and files in the dialects of the two runtimes (contract client 4.1 and 4.2). Every function is one call of
// the public interface: it enters the loop, checks its arguments, and keeps to one total deadline. `caller` is the
// blocked thread of a synchronous call, or null.
#pragma once

#include <memory>
#include <sandgate/client.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "client/call.h"

namespace sandgate::client {

using SandboxPtr = std::shared_ptr<SandboxState>;

inline constexpr uint64_t kBufferedBytesMax = 256ull * 1024 * 1024;
inline constexpr uint64_t kRunAnswerBytesMax = 16ull * 1024 * 1024;
inline constexpr uint64_t kListAnswerBytesMax = 8ull * 1024 * 1024;

Task<Result<ExecutionResult>> run_command(SandboxPtr sandbox, std::string command, RunOptions options, Caller* caller);

/// `content` stays where it is until the task has ended.
Task<Result<void>> write_file(SandboxPtr sandbox, std::string path, std::string_view content, PathOptions options,
                              Caller* caller);
Task<Result<void>> write_owned(SandboxPtr sandbox, std::string path, Bytes content, PathOptions options);
Task<Result<void>> write_stream(SandboxPtr sandbox, std::string path, Reader content, PathOptions options,
                                Caller* caller);
Task<Result<Bytes>> read_file(SandboxPtr sandbox, std::string path, ReadOptions options, Caller* caller);
Task<Result<std::uint64_t>> read_stream(SandboxPtr sandbox, std::string path, Writer sink, ReadOptions options,
                                        Caller* caller);
Task<Result<std::vector<FileEntry>>> list_files(SandboxPtr sandbox, std::string path, PathOptions options,
                                                Caller* caller);
Task<Result<bool>> file_exists(SandboxPtr sandbox, std::string path, PathOptions options, Caller* caller);
Task<Result<void>> remove_file(SandboxPtr sandbox, std::string path, RemoveOptions options, Caller* caller);

// The answers, as values: tested without a server.
Result<ExecutionResult> parse_execution(std::string_view body);
Result<std::vector<FileEntry>> parse_classic_list(std::string_view body);
Result<std::vector<FileEntry>> parse_sandboxd_list(std::string_view body);
/// RFC 3339 with seconds, a fraction perhaps, and Z or an offset.
std::optional<Clock::time_point> parse_time(std::string_view text);
/// What goes around the file in an upload of the classic runtime. The file name stays as it is but for `"`, CR and LF.
struct MultipartFrame {
  std::string content_type, before, after;
};
MultipartFrame multipart_frame(std::string_view path);

}  // namespace sandgate::client
