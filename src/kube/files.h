// Reading the small files that name a cluster: kubeconfigs, tokens, certificates.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace sandgate::kube {

/// The whole file. The error names it and says why: absent, no permission, not a regular file, above `bytes_max`.
Result<std::string> read_file(const std::string& path, size_t bytes_max);
bool file_exists(const std::string& path);

/// `path` itself when it is absolute or empty, else below the folder of `base_file`.
std::string relative_to(const std::string& path, const std::string& base_file);

/// Without blanks and line ends at both ends.
std::string trimmed(const std::string& text);

}  // namespace sandgate::kube
