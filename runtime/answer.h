// What the runtime answers, as a value: no connection, no protocol version.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/fd.h"

namespace sandgate::runtime {

/// `size` bytes of a file from `offset` on, sent as they are read.
struct FileBody {
  Fd file;
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct Answer {
  uint16_t status = 200;
  std::vector<std::pair<std::string, std::string>> fields;  ///< without framing, Date and Connection
  std::variant<std::string, FileBody> body;

  Answer& with(std::string name, std::string value) {
    fields.emplace_back(std::move(name), std::move(value));
    return *this;
  }
};

/// `body` is a JSON document already.
inline Answer json_answer(uint16_t status, std::string body) {
  Answer answer{status, {}, std::move(body)};
  answer.with("Content-Type", "application/json");
  return answer;
}

}  // namespace sandgate::runtime
