#include "kube/credentials.h"

#include <mutex>
#include <optional>
#include <utility>

#include "kube/files.h"

namespace sandgate::kube {
namespace {

class StaticSource final : public CredentialSource {
 public:
  explicit StaticSource(Credential credential) : credential_(std::move(credential)) {}
  Result<Credential> get(std::stop_token) override { return credential_; }
  void invalidate() override {}

 private:
  const Credential credential_;
};

class FileSource final : public CredentialSource {
 public:
  FileSource(CredentialFiles files, std::unique_ptr<Clock> clock)
      : files_(std::move(files)), clock_(std::move(clock)) {}

  Result<Credential> get(std::stop_token) override {
    const std::lock_guard lock(mutex_);
    clock_->refresh();
    if (current_ && clock_->now() < due_) return *current_;
    auto read = read_all();
    if (read) {
      current_ = std::move(*read);
    } else if (!current_) {
      return tl::unexpected(read.error());
    }
    due_ = clock_->now() + kFileReadInterval;
    return *current_;
  }

  void invalidate() override {
    const std::lock_guard lock(mutex_);
    current_.reset();
  }

 private:
  Result<Credential> read_all() const {
    Credential out = files_.fixed;
    if (!files_.token_file.empty()) {
      auto text = read_file(files_.token_file, kCredentialFileBytesMax);
      if (!text) return fail("token file " + text.error().message);
      out.bearer_token = Secret(trimmed(*text));
      if (out.bearer_token.empty()) return fail("token file " + files_.token_file + ": it is empty");
    }
    if (!files_.client_certificate_file.empty()) {
      auto text = read_file(files_.client_certificate_file, kCredentialFileBytesMax);
      if (!text) return fail("client certificate " + text.error().message);
      out.client_certificate_pem = std::move(*text);
    }
    if (!files_.client_key_file.empty()) {
      auto text = read_file(files_.client_key_file, kCredentialFileBytesMax);
      if (!text) return fail("client key " + text.error().message);
      out.client_key_pem = Secret(std::move(*text));
    }
    return out;
  }

  const CredentialFiles files_;
  std::mutex mutex_;
  const std::unique_ptr<Clock> clock_;
  std::optional<Credential> current_;
  MonoTime due_{};
};

}  // namespace

std::shared_ptr<CredentialSource> static_credentials(Credential credential) {
  return std::make_shared<StaticSource>(std::move(credential));
}

std::shared_ptr<CredentialSource> file_credentials(CredentialFiles files, std::unique_ptr<Clock> clock) {
  return std::make_shared<FileSource>(std::move(files), std::move(clock));
}

}  // namespace sandgate::kube
