// The seam between HTTP and what a runtime does: a dialect turns requests into answers and knows neither
// sockets nor framing. The python-runtime's REST surface is one (python_dialect.h); another is one more file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "runtime/answer.h"

namespace sandgate::runtime {

/// A request's head. Views are valid during Dialect::begin() only.
struct Request {
  std::string_view method;
  std::string_view path;   ///< as sent, still encoded, without the query
  std::string_view query;  ///< as sent, without the question mark
  std::string_view content_type;
  std::string_view range;
  std::string_view if_range;
  std::string_view if_none_match;
  std::optional<uint64_t> body_size;  ///< when the request states one
};

/// Takes the answer, once, now or later, but never after the Call was destroyed.
class Responder {
 public:
  virtual void respond(Answer answer) = 0;

 protected:
  ~Responder() = default;
};

/// A request being worked on. Destroying it before it responded means that the client left: it then undoes or
/// lets go what it had begun.
class Call {
 public:
  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  virtual ~Call() = default;

  /// The next bytes of the request body; not called any more once the call has responded.
  virtual void on_body(std::string_view bytes) = 0;
  /// The body is complete.
  virtual void on_body_end() = 0;
};

class Dialect {
 public:
  /// Either responds at once and gives null (a body, if there is one, is of no interest), or gives the call
  /// that will respond; it must not have responded yet.
  virtual std::unique_ptr<Call> begin(const Request& request, Responder& responder) = 0;
  /// An answer in the dialect's own shape for a request that HTTP itself refuses.
  virtual Answer refusal(uint16_t status, std::string_view why) = 0;

 protected:
  ~Dialect() = default;
};

}  // namespace sandgate::runtime
