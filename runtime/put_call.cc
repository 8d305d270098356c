#include "runtime/put_call.h"

#include "runtime/files.h"
#include "runtime/sandboxd_dialect.h"

namespace sandgate::runtime {
namespace {

constexpr uint64_t kOtherBytesMax = 1024 * 1024;  // of fields nobody asked for, and of a form's framing

Answer too_large(const WorkLimits& limits) {
  return sandboxd::error(
      413, "INVALID_ARGUMENT",
      "the file is larger than " + std::to_string(limits.upload_bytes_max) + " bytes (--upload-bytes-max)");
}

Answer of_location(const PathError& why, const std::string& path) {
  if (why.outside) return sandboxd::error(403, "PERMISSION_DENIED", "the path leads out of the root");
  return sandboxd::of_errno(why.error, path);
}

}  // namespace

std::unique_ptr<Call> PutCall::begin(const Request& request, const std::string& path, std::optional<unsigned> mode,
                                     const BaseDirectory& base, const WorkLimits& limits, Responder& responder) {
  const auto refuse = [&responder](Answer answer) -> std::unique_ptr<Call> {
    responder.respond(std::move(answer));
    return nullptr;
  };
  auto boundary = multipart_boundary(request.content_type);
  if (boundary && !*boundary) return refuse(sandboxd::error(400, "INVALID_ARGUMENT", boundary->error().message));
  const uint64_t room = boundary ? kOtherBytesMax : 0;
  if (request.body_size && *request.body_size > limits.upload_bytes_max + room) return refuse(too_large(limits));
  auto location = base.locate(path);
  if (!location) return refuse(of_location(location.error(), path));
  if (location->kind == Location::Kind::kDirectory || location->kind == Location::Kind::kOther) {
    return refuse(sandboxd::error(400, "INVALID_ARGUMENT", "'" + path + "' is a directory or no regular file"));
  }
  auto file = UploadFile::create(std::move(*location));
  if (!file) return refuse(sandboxd::error(500, "INTERNAL", file.error().message));
  std::unique_ptr<PutCall> call(new PutCall(std::move(*file), mode, limits, responder));
  PartSink& sink = *call;
  if (boundary) call->parser_.emplace(std::move(**boundary), sink);
  return call;
}

void PutCall::on_body(std::string_view bytes) {
  if (!parser_) {
    take(bytes);
    return;
  }
  const auto fed = parser_->feed(bytes);
  if (!fed && !responded_) refuse(sandboxd::error(400, "INVALID_ARGUMENT", fed.error().message));
}

void PutCall::on_body_end() {
  if (parser_) {
    if (const auto finished = parser_->finish(); !finished) {
      refuse(sandboxd::error(400, "INVALID_ARGUMENT", finished.error().message));
      return;
    }
    if (!seen_file_) {
      refuse(sandboxd::error(400, "INVALID_ARGUMENT", "the form has no part named 'file'"));
      return;
    }
  }
  if (const auto committed = file_->commit({.mode = mode_, .to_disk = true}); !committed) {
    refuse(sandboxd::error(500, "INTERNAL", committed.error().message));
    return;
  }
  responded_ = true;
  Answer done;
  done.status = 204;
  responder_.respond(std::move(done));
}

bool PutCall::on_part(const PartHead& head) {
  in_file_ = head.name == "file";
  if (!in_file_) return true;
  if (seen_file_) return refuse(sandboxd::error(400, "INVALID_ARGUMENT", "more than one part is named 'file'"));
  seen_file_ = true;
  return true;
}

bool PutCall::on_part_bytes(std::string_view bytes) {
  if (in_file_) return take(bytes);
  other_bytes_ += bytes.size();
  if (other_bytes_ <= kOtherBytesMax) return true;
  return refuse(
      sandboxd::error(413, "INVALID_ARGUMENT",
                      "parts other than the file hold more than " + std::to_string(kOtherBytesMax) + " bytes"));
}

bool PutCall::on_part_end() {
  in_file_ = false;
  return true;
}

bool PutCall::take(std::string_view bytes) {
  if (bytes.size() > limits_.upload_bytes_max - file_->size()) return refuse(too_large(limits_));
  if (const auto written = file_->write(bytes); !written) {
    return refuse(sandboxd::error(500, "INTERNAL", written.error().message));
  }
  return true;
}

bool PutCall::refuse(Answer answer) {
  file_.reset();
  responded_ = true;
  responder_.respond(std::move(answer));
  return false;
}

}  // namespace sandgate::runtime
