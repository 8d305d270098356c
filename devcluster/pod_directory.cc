#include "devcluster/pod_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "crypto/crypto.h"

namespace sandgate::devcluster {

PodDirectory::~PodDirectory() {
  std::error_code ignored;  // what stays is under TMPDIR
  if (!made_.empty()) std::filesystem::remove_all(made_, ignored);
}

Result<void> PodDirectory::prepare(NodeOptions& options) {
  for (const uint8_t byte : crypto::random_array<8>()) options.instance += std::to_string(byte) + ".";
  if (!options.processes) return {};
  adopt_orphans();
  if (!options.directory.empty()) return {};
  const char* base = std::getenv("TMPDIR");
  std::string pattern = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/sandgate-devcluster-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return fail("cannot make " + pattern + ": " + std::strerror(errno));
  ::chmod(pattern.c_str(), 0711);  // Pods run as another user
  options.directory = made_ = pattern;
  return {};
}

}  // namespace sandgate::devcluster
