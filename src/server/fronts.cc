#include "server/fronts.h"

#include <optional>
#include <utility>

#include "control/file_watch.h"
#include "crypto/crypto.h"
#include "front/path/path_front_end.h"
#include "front/router/router_front_end.h"

namespace sandgate::server {
namespace {

class RouterHolder final : public FrontHolder {
 public:
  explicit RouterHolder(const ServerOptions& options)
      : front_(options.router, options.allow_loopback_pod_ip, options.proxy.websocket.per_client_max) {}
  const front::FrontEnd& front() const override { return front_; }

 private:
  const front::router::RouterFrontEnd front_;
};

class PathHolder final : public FrontHolder {
 public:
  PathHolder(const ServerOptions& options, const FrontWorld& world)
      : logger_(world.logger), front_(options.path, seams(world), state_) {}
  ~PathHolder() override { stop(); }

  Result<void> read_keys(const std::string& path) {
    keys_file_.emplace(
        control::FileWatch::Options{path}, [this](const std::string& text) { return use_keys(text); },
        [this](const std::string& line) {
          logger_.warn("API keys kept as they were", {{"error", line}});
        });
    return keys_file_->start();
  }
  const front::FrontEnd& front() const override { return front_; }
  void stop() override {
    if (keys_file_) keys_file_->stop();
  }

 private:
  static front::path::PathSeams seams(const FrontWorld& world) {
    front::path::PathSeams out;
    out.random_bytes = [] { return crypto::random_array<16>(); };
    out.watch_down_for = [stale = world.stale](MonoTime) -> std::optional<Seconds> {
      const Seconds age = stale();
      return age > Seconds(0) ? std::optional(age) : std::nullopt;
    };
    out.draining = [&draining = world.draining] { return draining.load(std::memory_order_relaxed); };
    return out;
  }
  Result<void> use_keys(const std::string& text) {
    auto book = policy::KeyBook::parse(text);
    if (!book) return tl::unexpected<Error>(book.error());
    logger_.info("API keys read", {{"count", uint64_t{(*book)->size()}}});
    state_.keys.replace(std::move(*book));
    return {};
  }

  observe::Logger& logger_;
  front::path::PathState state_;
  const front::path::PathFrontEnd front_;
  std::optional<control::FileWatch> keys_file_;
};

}  // namespace

Result<std::unique_ptr<FrontHolder>> make_front(const ServerOptions& options, FrontWorld world) {
  if (options.product == Product::kRouter) return std::unique_ptr<FrontHolder>(new RouterHolder(options));
  auto holder = std::make_unique<PathHolder>(options, world);
  if (!options.api_keys_file.empty()) {
    if (const auto read = holder->read_keys(options.api_keys_file); !read) return tl::unexpected<Error>(read.error());
  }
  return std::unique_ptr<FrontHolder>(std::move(holder));
}

}  // namespace sandgate::server
