// The front end of `sandgate ingress`: its keys, and who is told that a sandbox was used.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "control/file_watch.h"
#include "crypto/crypto.h"
#include "front/opensandbox/opensandbox_front_end.h"
#include "server/fronts.h"

namespace sandgate::server {
namespace {

using front::opensandbox::RouteKeys;

class IngressHolder final : public FrontHolder {
 public:
  IngressHolder(const ServerOptions& options, const FrontWorld& world)
      : logger_(world.logger), front_(options.ingress, seams(world), state_, nullptr) {}
  ~IngressHolder() override { stop(); }

  Result<void> read_keys(const ServerOptions& options) {
    if (!options.secure_access_keys_file.empty()) {
      keys_file_.emplace(
          control::FileWatch::Options{options.secure_access_keys_file},
          [this](const std::string& text) { return use_keys(RouteKeys::parse_file(text)); },
          [this](const std::string& line) {
            logger_.warn("secure access keys kept as they were", {{"error", line}});
          });
      return keys_file_->start();
    }
    return use_keys(RouteKeys::parse(options.secure_access_keys.reveal()));
  }
  const front::FrontEnd& front() const override { return front_; }
  void stop() override {
    if (keys_file_) keys_file_->stop();
  }

 private:
  static front::opensandbox::IngressSeams seams(const FrontWorld& world) {
    front::opensandbox::IngressSeams out;
    out.random_bytes = [] { return crypto::random_array<16>(); };
    out.draining = [&draining = world.draining] { return draining.load(std::memory_order_relaxed); };
    return out;
  }
  Result<void> use_keys(Result<std::shared_ptr<const RouteKeys>> keys) {
    if (!keys) return fail("parse secure-access-keys: " + keys.error().message);
    if (*keys) logger_.info("secure access keys read", {{"count", uint64_t{(*keys)->size()}}});
    state_.keys.replace(std::move(*keys));
    return {};
  }

  observe::Logger& logger_;
  front::opensandbox::IngressState state_;
  const front::opensandbox::OpenSandboxFrontEnd front_;
  std::optional<control::FileWatch> keys_file_;
};

}  // namespace

Result<std::unique_ptr<FrontHolder>> make_ingress_front(const ServerOptions& options, FrontWorld world) {
  auto holder = std::make_unique<IngressHolder>(options, world);
  if (const auto read = holder->read_keys(options); !read) return tl::unexpected<Error>(read.error());
  return std::unique_ptr<FrontHolder>(std::move(holder));
}

}  // namespace sandgate::server
