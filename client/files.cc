#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/path.h"

namespace sandgate::client {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;
/// Read in one go: every turn of the caller's thread costs two changes of threads.
constexpr size_t kPiecesAtOnce = 4;

Result<std::string> checked_path(const std::string& path, bool unsafe, bool root_allowed) {
  if (unsafe) return path;
  return safe_path(path, root_allowed);
}

Dialect dialect_of(const SandboxState& sandbox) { return sandbox.client->connector->dialect(); }

/// The request of an operation on `path` in this dialect: classic "download/x", sandboxd "v1/files/x".
std::string request_path(const SandboxState& sandbox, std::string_view classic_verb, const std::string& path) {
  const std::string encoded = encode_path(path);
  if (dialect_of(sandbox) == Dialect::kSandboxd) return "v1/files/" + encoded;
  return std::string(classic_verb) + "/" + encoded;
}

Call call_of(std::string operation, std::string method, std::string path, Millis timeout) {
  Call what;
  what.operation = std::move(operation);
  what.method = std::move(method);
  what.path = std::move(path);
  what.timeout_told = timeout;
  return what;
}

/// Method, path and framing of an upload.
struct UploadPlan {
  Call what;
  MultipartFrame frame;  // empty texts for sandboxd, which takes the bytes as they are
};

UploadPlan plan_upload(const SandboxState& sandbox, const std::string& path, Millis timeout) {
  UploadPlan plan;
  if (dialect_of(sandbox) == Dialect::kSandboxd) {
    plan.what = call_of("write", "PUT", "v1/files/" + encode_path(path), timeout);
    plan.frame.content_type = "application/octet-stream";
  } else {
    plan.what = call_of("write", "POST", "upload", timeout);
    plan.frame = multipart_frame(path);
  }
  plan.what.headers = {{"Content-Type", plan.frame.content_type}};
  plan.what.has_body = true;
  return plan;
}

Error bad_source(const Error& error, std::string_view who) {
  Error copy = error;
  copy.message = std::string(who) + ": " + copy.message;
  return copy;
}

/// What the caller's Reader gave in one go.
struct Given {
  std::vector<std::string> pieces;
  bool ended = false;
  std::optional<Error> failed;
};

/// Fills the pieces one after the other until the Reader has nothing more at hand: it ended, or left room.
void read_pieces(Reader& reader, Given& given) {
  size_t filled = 0;
  bool full = true;
  while (full && !given.ended && !given.failed && filled < given.pieces.size()) {
    std::string& piece = given.pieces[filled];
    piece.resize(kPieceBytes);
    const Result<size_t> got = reader(std::as_writable_bytes(std::span(piece.data(), piece.size())));
    if (!got) {
      given.failed = bad_source(got.error(), "write: the Reader failed");
    } else if (*got > piece.size()) {
      given.failed = make_error(Errc::io, "write: the Reader gave more bytes than there was room for");
    } else if (*got == 0) {
      given.ended = true;
    } else {
      full = *got == piece.size();
      piece.resize(*got);
      ++filled;
    }
  }
  given.pieces.resize(filled);
}

/// Reads the caller's Reader into the request.
Task<Result<void>> feed_reader(Scope& scope, Transfer& transfer, Reader& reader, const MultipartFrame& frame,
                               uint64_t& count) {
  transfer.send(frame.before);
  for (;;) {
    if (!co_await wait_room(scope, transfer)) {
      Error error = scope.error("sending a file");
      error.maybe_executed = transfer.sent();
      co_return error;
    }
    if (transfer.ended()) co_return Result<void>();  // an early answer; it says what is wrong
    Given given;
    for (size_t i = 0; i < kPiecesAtOnce; ++i) given.pieces.push_back(transfer.spare());
    const std::function<void()> read = [&given, &reader] { read_pieces(reader, given); };
    co_await on_caller(scope, read);
    if (given.failed) co_return std::move(*given.failed);
    for (std::string& piece : given.pieces) {
      count += piece.size();
      transfer.send(std::move(piece));
    }
    if (given.ended) break;
  }
  transfer.send(frame.after);
  transfer.end_body();
  co_return Result<void>();
}

Task<Result<void>> send_whole(Operation& operation, const std::string& path, std::string_view content, Millis timeout) {
  SandboxState& sandbox = operation.context().sandbox;
  const UploadPlan plan = plan_upload(sandbox, path, timeout);
  Call what = plan.what;
  what.body = {plan.frame.before, content, plan.frame.after};
  Result<Reply> reply = co_await call(operation.context(), what);
  operation.span().set("sandbox.file.size", std::to_string(content.size()));
  if (!reply) {
    operation.span().fail(reply.error());
    co_return std::move(reply).error();
  }
  co_return Result<void>();
}

Error too_large(uint64_t limit) {
  return make_error(Errc::too_large, "File size exceeds limit of " + std::to_string(limit) + " bytes.");
}

}  // namespace

Task<Result<void>> write_file(SandboxPtr sandbox, std::string path, std::string_view content, PathOptions options,
                              Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  Result<std::string> checked = checked_path(path, options.allow_unsafe_paths, false);
  if (!checked) co_return std::move(checked).error();
  if (content.size() > kBufferedBytesMax) {
    co_return make_error(Errc::too_large, "write: " + std::to_string(content.size()) +
                                              " bytes in one piece, at most 268435456 are taken; use the Reader form");
  }
  Operation operation(*sandbox, "write", options.timeout, options.stop, outer, options.retry, caller);
  operation.span().set("sandbox.file.path", *checked);
  Result<void> result = co_await send_whole(operation, *checked, content, options.timeout);
  co_return result;
}

Task<Result<void>> write_owned(SandboxPtr sandbox, std::string path, Bytes content, PathOptions options) {
  const std::string_view view(reinterpret_cast<const char*>(content.data()), content.size());
  Result<void> result = co_await write_file(sandbox, path, view, options, nullptr);
  co_return result;
}

Task<Result<void>> write_stream(SandboxPtr sandbox, std::string path, Reader content, PathOptions options,
                                Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  if (!content) co_return make_error(Errc::invalid_argument, "write: the Reader is empty");
  Result<std::string> checked = checked_path(path, options.allow_unsafe_paths, false);
  if (!checked) co_return std::move(checked).error();
  Operation operation(*sandbox, "write", options.timeout, options.stop, outer, options.retry, caller);
  operation.span().set("sandbox.file.path", *checked);
  const UploadPlan plan = plan_upload(*sandbox, *checked, options.timeout);
  uint64_t count = 0;
  const Feed feed = [&content, &plan, &count](Scope& scope, Transfer& transfer) {
    return feed_reader(scope, transfer, content, plan.frame, count);
  };
  Result<Reply> reply = co_await upload(operation.context(), plan.what, feed);
  operation.span().set("sandbox.file.size", std::to_string(count));
  if (!reply) {
    operation.span().fail(reply.error());
    co_return std::move(reply).error();
  }
  co_return Result<void>();
}

Task<Result<Bytes>> read_file(SandboxPtr sandbox, std::string path, ReadOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  Result<std::string> checked = checked_path(path, options.allow_unsafe_paths, false);
  if (!checked) co_return std::move(checked).error();
  Operation operation(*sandbox, "read", options.timeout, options.stop, outer, options.retry, caller);
  operation.span().set("sandbox.file.path", *checked);
  Call what = call_of("read", "GET", request_path(*sandbox, "download", *checked), options.timeout);
  what.answer_bytes_max = options.max_bytes.value_or(kBufferedBytesMax);
  Result<Reply> reply = co_await call(operation.context(), what);
  if (!reply) {
    operation.span().fail(reply.error());
    if (reply.error().code == Errc::too_large) co_return too_large(what.answer_bytes_max);
    co_return std::move(reply).error();
  }
  Bytes bytes(reply->body.size());
  if (!bytes.empty()) std::memcpy(bytes.data(), reply->body.data(), bytes.size());
  operation.span().set("sandbox.file.size", std::to_string(bytes.size()));
  co_return bytes;
}

Task<Result<std::uint64_t>> read_stream(SandboxPtr sandbox, std::string path, Writer sink, ReadOptions options,
                                        Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  if (!sink) co_return make_error(Errc::invalid_argument, "read_to: the Writer is empty");
  Result<std::string> checked = checked_path(path, options.allow_unsafe_paths, false);
  if (!checked) co_return std::move(checked).error();
  Operation operation(*sandbox, "read_to", options.timeout, options.stop, outer, options.retry, caller);
  Scope& scope = operation.scope();
  operation.span().set("sandbox.file.path", *checked);
  const Call what = call_of("read_to", "GET", request_path(*sandbox, "download", *checked), options.timeout);
  Result<Opened> opened = co_await open_download(operation.context(), what);
  if (!opened) {
    operation.span().fail(opened.error());
    co_return std::move(opened).error();
  }
  Transfer& transfer = *opened->transfer;
  const uint64_t limit = options.max_bytes.value_or(UINT64_MAX);
  const auto length = parse_decimal<uint64_t>(find_header(transfer.headers(), "Content-Length").value_or(""));
  if (length && *length > limit) co_return too_large(limit);
  uint64_t count = 0;
  std::string piece;
  for (;;) {
    if (!co_await wait_bytes(scope, transfer)) co_return scope.error("downloading a file");
    transfer.take_next(piece);
    if (piece.empty() && transfer.ended()) break;
    const bool over = piece.size() > limit - count;
    if (over) piece.resize(limit - count);
    std::optional<Result<size_t>> taken;
    const std::function<void()> write = [&piece, &taken, &sink] {
      taken = sink(std::as_bytes(std::span(piece.data(), piece.size())));
    };
    if (!piece.empty()) {
      co_await on_caller(scope, write);
      if (!*taken) co_return bad_source(taken->error(), "read_to: the Writer failed");
      if (**taken != piece.size()) co_return make_error(Errc::io, "read_to: the Writer did not take all bytes");
    }
    count += piece.size();
    if (over) co_return too_large(limit);
  }
  if (transfer.broken() != Broken::kNo) {
    sandbox->client->connector->failed(*sandbox, false);
    Error error = make_error(Errc::transport, "read_to: the download ended early, after " + std::to_string(count) +
                                                  " bytes: " + transfer.what_broke());
    operation.span().fail(error);
    co_return error;
  }
  operation.span().set("sandbox.file.size", std::to_string(count));
  co_return count;
}

Task<Result<std::vector<FileEntry>>> list_files(SandboxPtr sandbox, std::string path, PathOptions options,
                                                Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  Result<std::string> checked = checked_path(path, options.allow_unsafe_paths, true);
  if (!checked) co_return std::move(checked).error();
  Operation operation(*sandbox, "list", options.timeout, options.stop, outer, options.retry, caller);
  operation.span().set("sandbox.file.path", *checked);
  Call what = call_of("list", "GET", request_path(*sandbox, "list", *checked), options.timeout);
  what.answer_bytes_max = kListAnswerBytesMax;
  Result<Reply> reply = co_await call(operation.context(), what);
  if (!reply) {
    operation.span().fail(reply.error());
    co_return std::move(reply).error();
  }
  const bool classic = dialect_of(*sandbox) == Dialect::kClassic;
  Result<std::vector<FileEntry>> entries = classic ? parse_classic_list(reply->body) : parse_sandboxd_list(reply->body);
  if (entries) operation.span().set("sandbox.file.count", std::to_string(entries->size()));
  co_return operation.span().outcome(std::move(entries));
}

Task<Result<bool>> file_exists(SandboxPtr sandbox, std::string path, PathOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  Result<std::string> checked = checked_path(path, options.allow_unsafe_paths, true);
  if (!checked) co_return std::move(checked).error();
  Operation operation(*sandbox, "exists", options.timeout, options.stop, outer, options.retry, caller);
  operation.span().set("sandbox.file.path", *checked);
  const bool classic = dialect_of(*sandbox) == Dialect::kClassic;
  Call what = call_of("exists", classic ? "GET" : "HEAD", request_path(*sandbox, "exists", *checked), options.timeout);
  what.not_found_is_answer = !classic;
  Result<Reply> reply = co_await call(operation.context(), what);
  if (!reply) {
    operation.span().fail(reply.error());
    co_return std::move(reply).error();
  }
  bool exists = reply->status != 404;
  if (classic) {
    const std::optional<Json> json = Json::parse(reply->body);
    if (!json || !json->object())
      co_return make_error(Errc::protocol, "exists: the sandbox's answer is not a JSON object");
    const bool* flag = json->at("exists").boolean();
    exists = flag && *flag;
  }
  operation.span().set("sandbox.file.exists", exists ? "true" : "false");
  co_return exists;
}

Task<Result<void>> remove_file(SandboxPtr sandbox, std::string path, RemoveOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  if (dialect_of(*sandbox) == Dialect::kClassic) {
    co_return make_error(Errc::unsupported, "remove: this runtime cannot remove files; run a command: rm -- PATH");
  }
  if (path.empty()) co_return make_error(Errc::invalid_argument, "remove: the path is empty");
  Result<std::string> checked = checked_path(path, options.allow_unsafe_paths, options.recursive);
  if (!checked) co_return std::move(checked).error();
  Operation operation(*sandbox, "delete", options.timeout, options.stop, outer, options.retry, caller);
  operation.span().set("sandbox.file.path", *checked);
  std::string where = "v1/files/" + encode_path(*checked);
  if (options.recursive) where += "?recursive=true";
  const Call what = call_of("delete", "DELETE", where, options.timeout);
  Result<Reply> reply = co_await call(operation.context(), what);
  if (!reply) {
    operation.span().fail(reply.error());
    co_return std::move(reply).error();
  }
  co_return Result<void>();
}

}  // namespace sandgate::client
