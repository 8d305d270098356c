#include "runtime/upload_call.h"

#include "runtime/files.h"
#include "runtime/python_bodies.h"

namespace sandgate::runtime {
namespace {

constexpr std::string_view kPartName = "file";
constexpr uint64_t kOtherBytesMax = 1024 * 1024;  // of fields nobody asked for; part heads and delimiters come on top

Answer failed(uint16_t status, std::string_view why) {
  return json_answer(status, python::message_body("File upload failed: " + std::string(why)));
}

Answer too_large(const WorkLimits& limits) {
  return failed(413,
                "the file is larger than " + std::to_string(limits.upload_bytes_max) + " bytes (--upload-bytes-max)");
}

}  // namespace

std::unique_ptr<Call> UploadCall::begin(const Request& request, const BaseDirectory& base, const WorkLimits& limits,
                                        Responder& responder) {
  auto boundary = multipart_boundary(request.content_type);
  if (!boundary) {
    responder.respond(json_answer(422, python::missing_file_body(false)));
    return nullptr;
  }
  if (!*boundary) {
    responder.respond(json_answer(400, python::detail_body(boundary->error().message)));
    return nullptr;
  }
  // A stated size says early that a file cannot fit; framing and other fields may take some of it.
  if (request.body_size && *request.body_size > limits.upload_bytes_max + kOtherBytesMax) {
    responder.respond(too_large(limits));
    return nullptr;
  }
  return std::unique_ptr<Call>(new UploadCall(std::move(**boundary), base, limits, responder));
}

void UploadCall::on_body(std::string_view bytes) {
  const auto fed = parser_.feed(bytes);
  if (!fed && !responded_) refuse(json_answer(400, python::detail_body(fed.error().message)));
}

void UploadCall::on_body_end() {
  if (const auto finished = parser_.finish(); !finished) {
    refuse(json_answer(400, python::detail_body(finished.error().message)));
    return;
  }
  if (!file_) {
    refuse(json_answer(422, python::missing_file_body(plain_field_)));
    return;
  }
  if (const auto committed = file_->commit(); !committed) {
    refuse(failed(500, committed.error().message));
    return;
  }
  responded_ = true;
  responder_.respond(json_answer(200, python::message_body("File '" + name_ + "' uploaded successfully.")));
}

bool UploadCall::on_part(const PartHead& head) {
  in_file_ = false;
  if (head.name != kPartName) return true;
  if (!head.filename) {
    plain_field_ = true;
    return true;
  }
  if (file_) return refuse(json_answer(400, python::detail_body("More than one part is named 'file'")));
  name_ = *head.filename;
  auto location = base_.locate(name_);
  if (!location) {
    if (location.error().outside) return refuse(json_answer(403, python::message_body("Access denied")));
    return refuse(failed(500, errno_message(location.error().error, name_)));
  }
  auto file = UploadFile::create(std::move(*location));
  if (!file) return refuse(failed(500, file.error().message));
  file_.emplace(std::move(*file));
  in_file_ = true;
  return true;
}

bool UploadCall::on_part_bytes(std::string_view bytes) {
  if (!in_file_) {
    other_bytes_ += bytes.size();
    if (other_bytes_ <= kOtherBytesMax) return true;
    return refuse(
        failed(413, "fields other than the file hold more than " + std::to_string(kOtherBytesMax) + " bytes"));
  }
  if (bytes.size() > limits_.upload_bytes_max - file_->size()) return refuse(too_large(limits_));
  if (const auto written = file_->write(bytes); !written) return refuse(failed(500, written.error().message));
  return true;
}

bool UploadCall::on_part_end() {
  in_file_ = false;
  return true;
}

bool UploadCall::refuse(Answer answer) {
  file_.reset();
  responded_ = true;
  responder_.respond(std::move(answer));
  return false;
}

}  // namespace sandgate::runtime
