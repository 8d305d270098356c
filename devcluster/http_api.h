// The cluster of a real API server: writes as HTTP calls, reads from a mirror that watches keep up.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/mailbox.h"
#include "devcluster/api.h"
#include "kube/transport.h"

namespace sandgate::devcluster {

/// Blocking: each call is one exchange. What the server answers goes into the mirror at once, so that a controller
/// never decides twice on the same state.
class HttpApi final : public Api {
 public:
  HttpApi(kube::KubeTransport& transport, Store& mirror) : transport_(transport), mirror_(mirror) {}

  Answer<void> create(const ResourceType& type, std::string_view ns, Json body) override;
  Answer<void> patch(const ResourceType& type, std::string_view ns, std::string_view name, const Json& patch) override;
  Answer<void> update_status(const ResourceType& type, const Json& object) override;
  Answer<void> remove(const ResourceType& type, std::string_view ns, std::string_view name,
                      const DeleteOptions& options) override;
  Answer<bool> exists(const ResourceType& type, std::string_view ns, std::string_view name,
                      std::string_view uid) override;
  Answer<void> bind(std::string_view ns, std::string_view pod, std::string_view node) override;

 private:
  Answer<std::string> call(const char* method, const std::string& path, const Json& body, const char* content_type);
  Answer<void> take_over(const ResourceType& type, const Answer<std::string>& answer);

  kube::KubeTransport& transport_;
  Store& mirror_;
};

/// One thread for each kind lists and watches; deliver() brings the news into the mirror on the loop's thread.
class MirrorFeed {
 public:
  /// `wake`: any thread, called when there is news.
  MirrorFeed(kube::KubeTransport& transport, Store& mirror, std::function<void()> wake);
  ~MirrorFeed();

  /// Begins with the kinds the server has; the error names one it must have and has not, or says why it cannot be
  /// asked.
  Result<void> start(const std::vector<const ResourceType*>& needed, const std::vector<const ResourceType*>& optional);
  /// The loop's thread. True once every kind has been listed.
  bool deliver();

 private:
  struct News {
    const ResourceType* type = nullptr;
    enum class Kind : uint8_t { kList, kChanged, kDeleted } kind = Kind::kList;
    std::vector<std::string> objects;  // JSON
  };
  class Sink;

  Result<bool> follow(const ResourceType& type);
  void replace(const ResourceType& type, const std::vector<std::string>& objects);

  kube::KubeTransport& transport_;
  Store& mirror_;
  Mailbox<News> news_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::vector<std::jthread> threads_;
  size_t lists_missing_ = 0;
  std::vector<const ResourceType*> listed_;
};

}  // namespace sandgate::devcluster
