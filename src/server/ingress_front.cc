// The front end of `sandgate ingress`: its keys, and who is told that a sandbox was used.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "control/file_watch.h"
#include "control/redis_dsn.h"
#include "control/renew_sender.h"
#include "crypto/crypto.h"
#include "front/opensandbox/opensandbox_front_end.h"
#include "server/fronts.h"

namespace sandgate::server {
namespace {

using front::opensandbox::RouteKeys;

/// Joins the front end's sink to the blocking side's sender.
class Renewal final : public front::opensandbox::RenewSink {
 public:
  Renewal(control::RenewSenderOptions options, observe::Logger& logger)
      : sender_(std::move(options), [&logger](const control::RenewSender::Trouble& trouble) {
          logger.error(trouble.message, {{"error", trouble.error}, {"failed", trouble.failed}});
        }) {}

  static Result<std::unique_ptr<Renewal>> create(const RenewOptions& options, const FrontWorld& world) {
    auto dsn = control::parse_redis_dsn(options.redis_dsn);
    if (!dsn) return fail("Failed to create Redis client for renew-intent: " + dsn.error().message);
    if (!dsn->ignored.empty()) {
      std::string names;
      for (const std::string& name : dsn->ignored) names.append(names.empty() ? "" : ", ").append(name);
      world.logger.warn("options of renew-intent-redis-dsn have no effect here", {{"options", names}});
    }
    control::RenewSenderOptions sender;
    sender.redis.dsn = std::move(*dsn);
    sender.queue_key = options.queue_key;
    sender.list_max = options.queue_max;
    sender.min_interval = options.min_interval;
    auto renewal = std::make_unique<Renewal>(std::move(sender), world.logger);
    renewal->export_to(world.metrics);
    renewal->sender_.start();
    return renewal;
  }

  void on_access(const front::opensandbox::RenewIntent& intent) override {
    sender_.submit({intent.sandbox_id, intent.observed_at, intent.port, intent.request_uri});
  }
  void stop() { sender_.stop(); }

 private:
  void export_to(observe::Metrics& metrics) {
    const auto add = [&](std::string_view name, std::string_view help, uint64_t control::RenewCounts::*count) {
      metrics.add_external({std::string(name), std::string(help), true,
                            [this, count] { return static_cast<double>(sender_.counts().*count); }});
    };
    add("sandgate_renew_intents_sent_total", "Renew intents that Redis took.", &control::RenewCounts::sent);
    add("sandgate_renew_intents_throttled_total", "Renew intents within the interval of an earlier one.",
        &control::RenewCounts::throttled);
    add("sandgate_renew_intents_dropped_total", "Renew intents for which the queue had no room.",
        &control::RenewCounts::dropped);
    add("sandgate_renew_intents_failed_total", "Renew intents that Redis did not take.", &control::RenewCounts::failed);
  }

  control::RenewSender sender_;
};

class IngressHolder final : public FrontHolder {
 public:
  IngressHolder(const ServerOptions& options, const FrontWorld& world, std::unique_ptr<Renewal> renewal)
      : logger_(world.logger),
        renewal_(std::move(renewal)),
        front_(options.ingress, seams(world), state_, renewal_.get()) {}
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
    if (renewal_) renewal_->stop();
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
  const std::unique_ptr<Renewal> renewal_;
  const front::opensandbox::OpenSandboxFrontEnd front_;
  std::optional<control::FileWatch> keys_file_;
};

}  // namespace

Result<std::unique_ptr<FrontHolder>> make_ingress_front(const ServerOptions& options, FrontWorld world) {
  std::unique_ptr<Renewal> renewal;
  if (options.renew.enabled) {
    auto created = Renewal::create(options.renew, world);
    if (!created) return tl::unexpected<Error>(created.error());
    renewal = std::move(*created);
  }
  auto holder = std::make_unique<IngressHolder>(options, world, std::move(renewal));
  if (const auto read = holder->read_keys(options); !read) return tl::unexpected<Error>(read.error());
  return std::unique_ptr<FrontHolder>(std::move(holder));
}

}  // namespace sandgate::server
