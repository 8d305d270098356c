// The place of commands that run on: sandboxd's gRPC service. Until it is spoken nothing can be started, so that what a
// started command can be asked has one answer too.
#include <sandgate/client.hpp>

#include "client/http.h"

namespace sandgate {
namespace {

using client::make_error;

Error unspoken(std::string_view call) {
  return make_error(Errc::unsupported,
                    std::string(call) + ": it takes sandboxd's gRPC service, which this version does not speak yet");
}

Error check_start(const std::vector<std::string>& argv) {
  if (argv.empty()) return make_error(Errc::invalid_argument, "start: argv is empty; its first item is the program");
  return unspoken("start");
}

}  // namespace

inline namespace v1 {

Result<Process> Commands::start(std::vector<std::string> argv, StartOptions) { return check_start(argv); }

std::int32_t Process::id() const noexcept { return 0; }
Result<std::optional<OutputEvent>> Process::next(CallOptions) { return unspoken("next"); }
Result<void> Process::write_stdin(std::span<const std::byte>, CallOptions) { return unspoken("write_stdin"); }
Result<void> Process::close_stdin(CallOptions) { return unspoken("close_stdin"); }
Result<void> Process::signal(Signal, CallOptions) { return unspoken("signal"); }
Result<void> Process::resize(std::uint32_t, std::uint32_t, CallOptions) { return unspoken("resize"); }

namespace async {

Task<Result<Process>> Commands::start(std::vector<std::string> argv) { co_return check_start(argv); }
Task<Result<Process>> Commands::start(std::vector<std::string> argv, const StartOptions&) {
  co_return check_start(argv);
}

std::int32_t Process::id() const noexcept { return 0; }
Task<Result<std::optional<OutputEvent>>> Process::next() { co_return unspoken("next"); }
Task<Result<void>> Process::write_stdin(Bytes) { co_return unspoken("write_stdin"); }
Task<Result<void>> Process::close_stdin() { co_return unspoken("close_stdin"); }
Task<Result<void>> Process::signal(Signal) { co_return unspoken("signal"); }
Task<Result<void>> Process::resize(std::uint32_t, std::uint32_t) { co_return unspoken("resize"); }

}  // namespace async
}  // namespace v1
}  // namespace sandgate
