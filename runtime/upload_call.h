// POST /upload of the python-runtime: one file as multipart/form-data, written as it comes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/dialect.h"
#include "runtime/multipart.h"
#include "runtime/options.h"
#include "runtime/paths.h"
#include "runtime/upload_file.h"

namespace sandgate::runtime {

class UploadCall final : public Call, private PartSink {
 public:
  /// As Dialect::begin().
  static std::unique_ptr<Call> begin(const Request& request, const BaseDirectory& base, const WorkLimits& limits,
                                     Responder& responder);

  void on_body(std::string_view bytes) override;
  void on_body_end() override;

 private:
  UploadCall(std::string boundary, const BaseDirectory& base, const WorkLimits& limits, Responder& responder)
      : base_(base), limits_(limits), responder_(responder), parser_(std::move(boundary), *this) {}
  bool on_part(const PartHead& head) override;
  bool on_part_bytes(std::string_view bytes) override;
  bool on_part_end() override;

  /// Ends the call with this answer and gives up what was written.
  bool refuse(Answer answer);

  const BaseDirectory& base_;
  const WorkLimits& limits_;
  Responder& responder_;
  MultipartParser parser_;
  std::string name_;  // of the file part, as sent
  std::optional<UploadFile> file_;
  bool in_file_ = false;      // the part being read is the file
  bool plain_field_ = false;  // part `file` came without a filename
  uint64_t other_bytes_ = 0;  // of parts nobody asked for
  bool responded_ = false;
};

}  // namespace sandgate::runtime
