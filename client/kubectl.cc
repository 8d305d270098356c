#include "client/kubectl.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sandgate::client {
namespace {

constexpr size_t kSaidBytesMax = 64 * 1024;
constexpr Millis kPreflightMost{10'000};
constexpr Millis kProbePause{50};
constexpr Millis kStopGrace{2000};

struct Child {
  int pid = -1;
  int stderr_fd = -1;
};

/// Starts a program with stdout to nowhere and stderr to a pipe. Only async-signal-safe calls between fork and exec.
Result<Child> start_program(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return make_error(Errc::port_forward, std::string("cannot make a pipe: ") + std::strerror(errno));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, 0);
    ::dup2(nowhere, 1);
    ::dup2(ends[1], 2);
    ::execvp(argv[0], argv.data());
    const char* text = std::strerror(errno);
    const ssize_t ignored = ::write(2, text, std::strlen(text));
    ::_exit(ignored < 0 ? 126 : 127);
  }
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return make_error(Errc::port_forward, std::string("cannot start ") + words[0] + ": " + std::strerror(errno));
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Child{pid, ends[0]};
}

/// Drains the pipe; at most the newest kSaidBytesMax bytes stay.
void drain(int fd, std::string& said) {
  char part[4096];
  ssize_t got;
  while ((got = ::read(fd, part, sizeof part)) > 0) {
    said.append(part, static_cast<size_t>(got));
    if (said.size() > kSaidBytesMax) said.erase(0, said.size() - kSaidBytesMax);
  }
}

uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  uint16_t port = 0;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    port = ntohs(address.sin_port);
  }
  ::close(fd);
  return port;
}

bool answers(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool open =
      ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;  // loopback answers at once
  ::close(fd);
  return open;
}

std::string quoted_json(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

/// A kubeconfig only we can read, removed with its owner.
class PrivateKubeconfig {
 public:
  PrivateKubeconfig() = default;
  ~PrivateKubeconfig() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  PrivateKubeconfig(const PrivateKubeconfig&) = delete;
  PrivateKubeconfig& operator=(const PrivateKubeconfig&) = delete;
  const std::string& path() const { return path_; }

  Result<void> write(const KubernetesApi& api) {
    std::string token = api.token;
    if (!api.token_file.empty()) {
      Result<std::string> read = read_small_file(api.token_file);
      if (!read) return std::move(read).error();
      token = std::move(*read);
    }
    std::string cluster = "\"server\":" + quoted_json(api.url);
    if (!api.ca_file.empty()) cluster += ",\"certificate-authority\":" + quoted_json(api.ca_file);
    const std::string user = token.empty() ? std::string() : "\"token\":" + quoted_json(token);
    const std::string text =
        "{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"c\",\"clusters\":[{\"name\":\"c\","
        "\"cluster\":{" +
        cluster + "}}],\"users\":[{\"name\":\"c\",\"user\":{" + user +
        "}}],\"contexts\":[{\"name\":\"c\",\"context\":{\"cluster\":\"c\",\"user\":\"c\"}}]}\n";
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder && *folder ? folder : "/tmp") + "/sandgate-kubeconfig-XXXXXX";
    const int fd = ::mkostemp(path_.data(), O_CLOEXEC);  // mode 0600
    if (fd < 0) {
      const Error error = make_error(Errc::io, "cannot write " + path_ + ": " + std::strerror(errno));
      path_.clear();
      return error;
    }
    const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    if (!whole) return make_error(Errc::io, "cannot write " + path_);
    return {};
  }

 private:
  std::string path_;
};

std::vector<std::string> with_cluster(std::vector<std::string> words, const KubectlPlan& plan,
                                      const std::string& written) {
  words.insert(words.end(), {"-n", plan.ns});
  const std::string& file = written.empty() ? plan.kubeconfig : written;
  if (!file.empty()) words.insert(words.end(), {"--kubeconfig", file});
  if (!plan.context.empty() && written.empty()) words.insert(words.end(), {"--context", plan.context});
  return words;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

/// `kubectl get svc/…`: only "not found" is final.
Task<Result<void>> preflight(Scope& scope, const KubectlPlan& plan, const std::string& written) {
  const std::vector<std::string> words = with_cluster({plan.program, "get", "svc/" + plan.service}, plan, written);
  Result<Child> child = start_program(words);
  if (!child) co_return std::move(child).error();
  KubectlTunnel looking(child->pid, child->stderr_fd, 0);
  const Instant end = Monotonic::now() + kPreflightMost;
  while (looking.alive() && Monotonic::now() < end) {
    if (scope.over()) co_return scope.error("looking for the router's Service with kubectl");
    co_await scope.pause_until(Monotonic::now() + kProbePause);
  }
  if (lower(looking.said()).find("not found") != std::string::npos) {
    co_return make_error(Errc::port_forward,
                         "Service '" + plan.service + "' not found in namespace '" + plan.ns +
                             "'; another namespace goes into router_namespace (--router-namespace). "
                             "kubectl stderr: " +
                             looking.said());
  }
  co_return Result<void>();
}

}  // namespace

KubectlTunnel::~KubectlTunnel() {
  if (alive()) {
    ::kill(pid_, SIGTERM);
    const int fd = stderr_fd_;
    // Its end of the pipe closes when it ends; nothing else tells without waiting for a signal.
    const Instant end = Monotonic::now() + kStopGrace;
    while (alive() && Monotonic::now() < end) {
      pollfd wait{fd, POLLIN, 0};
      ::poll(&wait, 1, 20);
    }
    if (alive()) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  ::close(stderr_fd_);
}

bool KubectlTunnel::alive() {
  if (ended_) return false;
  drain(stderr_fd_, said_);
  ended_ = ::waitpid(pid_, nullptr, WNOHANG) == pid_;
  if (ended_) drain(stderr_fd_, said_);
  return !ended_;
}

Task<Result<std::unique_ptr<KubectlTunnel>>> KubectlTunnel::start(Scope& scope, KubectlPlan plan) {
  PrivateKubeconfig written;
  if (plan.api) {
    if (Result<void> done = written.write(*plan.api); !done) co_return std::move(done).error();
  }
  Result<void> there = co_await preflight(scope, plan, written.path());
  if (!there) co_return std::move(there).error();
  const uint16_t port = free_port();
  const std::string ports = std::to_string(port) + ":" + std::to_string(plan.port);
  const std::vector<std::string> words =
      with_cluster({plan.program, "port-forward", "svc/" + plan.service, ports}, plan, written.path());
  Result<Child> child = start_program(words);
  if (!child) co_return std::move(child).error();
  auto tunnel = std::make_unique<KubectlTunnel>(child->pid, child->stderr_fd, port);
  for (;;) {
    if (!tunnel->alive()) {
      co_return make_error(Errc::port_forward, "Tunnel to router service 'svc/" + plan.service + "' in namespace '" +
                                                   plan.ns + "' crashed. kubectl stderr: " + tunnel->said());
    }
    if (answers(port)) break;
    if (scope.over()) co_return scope.error("waiting for kubectl port-forward: " + tunnel->said());
    co_await scope.pause_until(Monotonic::now() + kProbePause);
  }
  co_return tunnel;
}

}  // namespace sandgate::client
