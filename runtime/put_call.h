// PUT /v1/files/{path} of sandboxd: the body is the file, or a multipart form whose part `file` is; written as it
// comes.
#pragma once

#include <memory>
#include <optional>

#include "runtime/dialect.h"
#include "runtime/multipart.h"
#include "runtime/options.h"
#include "runtime/paths.h"
#include "runtime/upload_file.h"

namespace sandgate::runtime {

class PutCall final : public Call, private PartSink {
 public:
  /// As Dialect::begin(). `path` is decoded.
  static std::unique_ptr<Call> begin(const Request& request, const std::string& path, std::optional<unsigned> mode,
                                     const BaseDirectory& base, const WorkLimits& limits, Responder& responder);

  void on_body(std::string_view bytes) override;
  void on_body_end() override;

 private:
  PutCall(UploadFile file, std::optional<unsigned> mode, const WorkLimits& limits, Responder& responder)
      : file_(std::move(file)), mode_(mode), limits_(limits), responder_(responder) {}
  bool on_part(const PartHead& head) override;
  bool on_part_bytes(std::string_view bytes) override;
  bool on_part_end() override;

  bool take(std::string_view bytes);
  /// Ends the call with this answer and gives up what was written.
  bool refuse(Answer answer);

  std::optional<UploadFile> file_;
  std::optional<unsigned> mode_;
  const WorkLimits& limits_;
  Responder& responder_;
  std::optional<MultipartParser> parser_;  // of a form; otherwise the body is the file
  bool in_file_ = false;
  bool seen_file_ = false;
  uint64_t other_bytes_ = 0;  // of parts nobody asked for
  bool responded_ = false;
};

}  // namespace sandgate::runtime
