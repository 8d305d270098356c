// The JSON of the python-runtime's REST surface (contract sandbox-router 6.1): bodies out, execute requests
// in. The only file that knows the JSON library; nothing it throws gets out.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "runtime/files.h"

namespace sandgate::runtime::python {

std::string health_body();
std::string message_body(std::string_view message);  ///< {"message": …}: answers of the file routes
std::string detail_body(std::string_view detail);    ///< {"detail": …}: refusals by the framework
std::string exists_body(std::string_view path, bool exists);
std::string list_body(const std::vector<DirectoryEntry>& entries);

struct Execution {
  std::string_view out;
  std::string_view err;
  int exit_code = 0;
  bool timed_out = false;  ///< adds `"timed_out": true`, which SDKs from 1.0.7 on read
};
std::string execution_body(const Execution& execution);

struct ExecuteRequest {
  std::string command;
  std::optional<double> timeout_seconds;  ///< finite and above 0
};
/// The request, or the body of the 422 answer that says what is wrong with it, in the framework's words.
/// `json_type`: the Content-Type said JSON.
tl::expected<ExecuteRequest, std::string> read_execute_request(std::string_view body, bool json_type);

/// The body of the 422 answer to an upload without a file; `plain_field`: part `file` came without a
/// filename.
std::string missing_file_body(bool plain_field);

/// Does this Content-Type announce JSON (application/json, or any subtype that ends in +json)?
bool is_json_type(std::string_view content_type);

}  // namespace sandgate::runtime::python
