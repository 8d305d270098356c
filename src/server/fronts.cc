#include "server/fronts.h"

#include <optional>
#include <utility>

#include "control/background.h"
#include "control/file_watch.h"
#include "control/token_reviewer.h"
#include "crypto/crypto.h"
#include "front/path/path_front_end.h"
#include "front/router/router_front_end.h"
#include "kube/cluster_access.h"
#include "kube/curl_transport.h"

namespace sandgate::server {
namespace {

/// Joins the data plane's Reviewer to the blocking side's threads.
class Reviews final : public proxy::Reviewer {
 public:
  Reviews(std::unique_ptr<kube::KubeTransport> transport, control::TokenReviewerOptions options,
          policy::TokenVerdicts& verdicts, observe::Logger& logger)
      : transport_(std::move(transport)),
        reviewer_(*transport_, std::move(options), verdicts, [&logger](const std::string& error) {
          if (error.empty()) return logger.info("tokens are reviewed again");
          logger.warn("tokens cannot be reviewed", {{"error", error}});
        }) {}

  void review(const std::string&, const Secret& subject, std::function<void()> done) override {
    reviewer_.review(subject, std::move(done));
  }
  control::TokenReviewer& reviewer() { return reviewer_; }

 private:
  const std::unique_ptr<kube::KubeTransport> transport_;
  control::TokenReviewer reviewer_;
};

class RouterHolder final : public FrontHolder {
 public:
  RouterHolder(const ServerOptions& options, const FrontWorld& world)
      : options_(options),
        logger_(world.logger),
        metrics_(world.metrics),
        state_(options.router.authz),
        front_(options.router, options.allow_loopback_pod_ip, options.proxy.websocket.per_client_max, &state_) {}
  ~RouterHolder() override { stop(); }

  Result<void> begin() {
    using front::router::AuthzMode;
    const front::router::AuthzOptions& authz = options_.router.authz;
    if (authz.mode == AuthzMode::kTokenReview) return begin_reviews();
    if (authz.mode != AuthzMode::kScopedToken) return {};
    if (const auto read = watch(secret_file_, authz.scoped_secret_file, "the secret of scoped tokens",
                                [this](const std::string& text) { return use_secret(text); });
        !read) {
      return read;
    }
    return watch(keys_file_, authz.scoped_keys_file, "the keys of scoped tokens",
                 [this](const std::string& text) { return use_keys(text); });
  }

  const front::FrontEnd& front() const override { return front_; }
  proxy::Reviewer* reviewer() override { return reviews_ ? &*reviews_ : nullptr; }
  void stop() override {
    if (secret_file_) secret_file_->stop();
    if (keys_file_) keys_file_->stop();
    if (reviews_) reviews_->reviewer().stop();
  }

 private:
  void count_reviews() {
    const auto add = [&](std::string_view name, std::string_view help, uint64_t control::TokenReviewerCounts::*count) {
      metrics_.add_external({std::string(name), std::string(help), true,
                             [this, count] { return static_cast<double>(reviews_->reviewer().counts().*count); }});
    };
    using Counts = control::TokenReviewerCounts;
    add("sandgate_token_reviews_good_total", "Tokens the API server knew.", &Counts::good);
    add("sandgate_token_reviews_bad_total", "Tokens the API server did not know.", &Counts::bad);
    add("sandgate_token_reviews_failed_total", "Reviews without an answer.", &Counts::failed);
    add("sandgate_token_reviews_turned_away_total", "Tokens that were not reviewed: too many waited.",
        &Counts::turned_away);
  }

  Result<void> begin_reviews() {
    kube::AccessOptions where;
    where.kubeconfig = options_.watch.kubeconfig;
    where.context = options_.watch.context;
    where.server = options_.watch.api_server;
    auto access = kube::load_cluster_access(where);
    if (!access) return tl::unexpected<Error>(access.error());
    logger_.info("reviewing tokens", {{"server", access->server}, {"credentials", access->origin}});
    kube::CurlOptions curl;
    curl.user_agent = "sandgate/" SANDGATE_VERSION;
    auto transport = kube::make_curl_transport(std::move(*access), curl);
    if (!transport) return tl::unexpected<Error>(transport.error());
    const front::router::AuthzOptions& authz = options_.router.authz;
    control::TokenReviewerOptions review;
    review.audiences = authz.audiences;
    review.ttl = authz.review_ttl;
    reviews_.emplace(std::move(*transport), std::move(review), state_.verdicts, logger_);
    count_reviews();
    return {};
  }

  /// Reads the file now and whenever it changes; nothing when there is none.
  Result<void> watch(std::optional<control::FileWatch>& file, const std::string& path, const std::string& what,
                     control::WatchedFile::OnText use) {
    if (path.empty()) return {};
    file.emplace(
        control::FileWatch::Options{path},
        [use = std::move(use), path](const std::string& text) -> Result<void> {
          const auto used = use(text);
          return used ? used : fail(path + ": " + used.error().message);
        },
        [this, what](const std::string& line) {
          logger_.warn(what + " kept as they were", {{"error", line}});
        });
    return file->start();
  }
  Result<void> use_secret(const std::string& text) {
    auto secret = policy::read_scoped_secret(text);
    if (!secret) return tl::unexpected<Error>(secret.error());
    state_.scoped.replace_secret(std::move(*secret));
    logger_.info("the secret of scoped tokens was read");
    return {};
  }
  Result<void> use_keys(const std::string& text) {
    auto keys = policy::ScopedKeyBook::parse(text);
    if (!keys) return tl::unexpected<Error>(keys.error());
    logger_.info("the keys of scoped tokens were read", {{"count", uint64_t{(*keys)->size()}}});
    state_.scoped.replace_keys(std::move(*keys));
    return {};
  }

  const ServerOptions& options_;
  observe::Logger& logger_;
  observe::Metrics& metrics_;
  front::router::AuthzState state_;
  const front::router::RouterFrontEnd front_;
  std::optional<Reviews> reviews_;
  std::optional<control::FileWatch> secret_file_;
  std::optional<control::FileWatch> keys_file_;
};

/// Makes the long lists of sandboxes that plans wait for, on a thread of its own.
class Lister final : public proxy::Reviewer {
 public:
  explicit Lister(const front::path::PathFrontEnd& front) : front_(front), jobs_(kWaitingMax) {}

  void review(const std::string&, const Secret&, std::function<void()> done) override {
    const bool posted = jobs_.post([this, done] {
      front_.build_directory();
      done();
    });
    if (!posted) done();  // it asks again, and gives up in the end
  }
  void stop() { jobs_.stop(); }

 private:
  static constexpr size_t kWaitingMax = 1024;  // a worker asks once for each list, so a few each
  const front::path::PathFrontEnd& front_;
  control::JobThread jobs_;
};

class PathHolder final : public FrontHolder {
 public:
  PathHolder(const ServerOptions& options, const FrontWorld& world)
      : logger_(world.logger), front_(options.path, seams(world), state_), lister_(front_) {}
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
  proxy::Reviewer* reviewer() override { return &lister_; }
  void stop() override {
    if (keys_file_) keys_file_->stop();
    lister_.stop();
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
    out.directory_built_elsewhere = true;
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
  Lister lister_;
  std::optional<control::FileWatch> keys_file_;
};

}  // namespace

Result<std::unique_ptr<FrontHolder>> make_front(const ServerOptions& options, FrontWorld world) {
  if (options.product == Product::kRouter) {
    auto holder = std::make_unique<RouterHolder>(options, world);
    if (const auto begun = holder->begin(); !begun) return tl::unexpected<Error>(begun.error());
    return std::unique_ptr<FrontHolder>(std::move(holder));
  }
  if (options.product == Product::kIngress) return make_ingress_front(options, std::move(world));
  auto holder = std::make_unique<PathHolder>(options, world);
  if (!options.api_keys_file.empty()) {
    if (const auto read = holder->read_keys(options.api_keys_file); !read) return tl::unexpected<Error>(read.error());
  }
  return std::unique_ptr<FrontHolder>(std::move(holder));
}

}  // namespace sandgate::server
