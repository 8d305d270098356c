// What proves to an API server who we are, and where it comes from. A source may change its answer: service-account
// tokens are rotated about hourly, exec plugins give tokens of minutes.
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace sandgate::kube {

/// Whatever of it is not empty is sent. A value; its secrets cannot be printed by accident.
struct Credential {
  Secret bearer_token;
  std::string basic_user;  ///< RFC 7617; used only without a bearer token
  Secret basic_password;
  std::string client_certificate_pem;  ///< with its chain; empty: no client certificate
  Secret client_key_pem;
};

/// Thread safe: one source serves all watches of a cluster.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  CredentialSource() = default;
  CredentialSource(const CredentialSource&) = delete;
  CredentialSource& operator=(const CredentialSource&) = delete;

  /// What is to be sent now. May read files or run a program (at most its time limit, see ExecPlugin); `stop` ends
  /// that early. The error names the file or the program.
  virtual Result<Credential> get(std::stop_token stop) = 0;
  Result<Credential> get() { return get(std::stop_token{}); }
  /// The server answered 401: what get() gave last is not to be trusted; the next get() asks afresh.
  virtual void invalidate() = 0;
};

/// Always the same.
std::shared_ptr<CredentialSource> static_credentials(Credential credential);

inline constexpr Seconds kFileReadInterval{60};
inline constexpr size_t kCredentialFileBytesMax = 1024 * 1024;

/// Credentials in files. A file is read at the first get(), again when it was read longer ago than
/// kFileReadInterval, and at once after invalidate(). While a file that was read before cannot be read, the last
/// contents are used (a token is swapped by renaming, a volume may be away for a moment); only invalidate() ends that.
struct CredentialFiles {
  std::string token_file;  ///< blanks and line ends around the token are dropped; an empty file is an error
  std::string client_certificate_file;
  std::string client_key_file;
  Credential fixed;  ///< what stands inline beside the files; a file wins over it
};
std::shared_ptr<CredentialSource> file_credentials(CredentialFiles files,
                                                   std::unique_ptr<Clock> clock = std::make_unique<SystemClock>());

/// A client-go credential plugin (client.authentication.k8s.io/v1 or v1beta1): a program that prints an
/// ExecCredential. It is run without a shell, without a terminal, with `env` on top of our environment and
/// KUBERNETES_EXEC_INFO; its stderr is shown in the error (its last 2 KiB).
struct ExecPlugin {
  std::string api_version;  ///< client.authentication.k8s.io/v1 or /v1beta1
  std::string command;      ///< with a `/` a path; else looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> env;
  std::string install_hint;  ///< appended to the error when the program is not there
  /// Of a cluster entry, for `provideClusterInfo: true`: JSON put into spec.cluster; empty: not given.
  std::string cluster_info_json;
  Seconds time_limit{30};
  size_t output_bytes_max = 1024 * 1024;
};

/// Runs the plugin at the first get(), after invalidate(), and from `kExecEarly` before the expiry it named; without an
/// expiry the answer is kept until invalidate(). While the plugin fails, an answer that has not expired is used.
inline constexpr Seconds kExecEarly{30};
std::shared_ptr<CredentialSource> exec_credentials(ExecPlugin plugin,
                                                   std::unique_ptr<Clock> clock = std::make_unique<SystemClock>());

}  // namespace sandgate::kube
