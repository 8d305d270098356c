// How controllers and the node change the cluster, whether it is the store in this process or a real API server. What
// they read is a Store in both cases: the store itself, or a mirror of what the server has said. One thread.
#pragma once

#include <string_view>

#include "devcluster/objects.h"

namespace sandgate::devcluster {

class Api {
 public:
  virtual ~Api() = default;
  Api() = default;
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  virtual Answer<void> create(const ResourceType& type, std::string_view ns, Json body) = 0;
  /// A JSON merge patch; with metadata.resourceVersion in it only onto that version.
  virtual Answer<void> patch(const ResourceType& type, std::string_view ns, std::string_view name,
                             const Json& patch) = 0;
  /// `object` whole, with the status it shall have; only onto its metadata.resourceVersion.
  virtual Answer<void> update_status(const ResourceType& type, const Json& object) = 0;
  virtual Answer<void> remove(const ResourceType& type, std::string_view ns, std::string_view name,
                              const DeleteOptions& options) = 0;
  /// Is the object still there, with this UID? Asked where it matters: a mirror may be behind.
  virtual Answer<bool> exists(const ResourceType& type, std::string_view ns, std::string_view name,
                              std::string_view uid) = 0;
  /// Gives a Pod to a node.
  virtual Answer<void> bind(std::string_view ns, std::string_view pod, std::string_view node) = 0;
};

/// Straight into the store.
class StoreApi final : public Api {
 public:
  explicit StoreApi(Objects& objects) : objects_(objects) {}
  Answer<void> create(const ResourceType& type, std::string_view ns, Json body) override;
  Answer<void> patch(const ResourceType& type, std::string_view ns, std::string_view name, const Json& patch) override;
  Answer<void> update_status(const ResourceType& type, const Json& object) override;
  Answer<void> remove(const ResourceType& type, std::string_view ns, std::string_view name,
                      const DeleteOptions& options) override;
  Answer<bool> exists(const ResourceType& type, std::string_view ns, std::string_view name,
                      std::string_view uid) override;
  Answer<void> bind(std::string_view ns, std::string_view pod, std::string_view node) override;

 private:
  Objects& objects_;
};

}  // namespace sandgate::devcluster
