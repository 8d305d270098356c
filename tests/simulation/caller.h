// A client that keeps asking for one sandbox over a connection it keeps, whatever becomes of the sandbox.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "http_reader.h"
#include "peer_end.h"
#include "tenant.h"

namespace sandgate::simulation {

/// Where a caller lives.
class CallerWorld {
 public:
  virtual Link& connect_to_gateway() = 0;
  /// Before a request: who must answer it, unless he leaves meanwhile; null: nobody need.
  virtual const Tenant* owing(const std::string& name) = 0;
  /// After it, with what owing() said. Status 0: the connection ended instead.
  virtual void answered(const std::string& name, int status, std::string_view tenant_uid, const Tenant* owing) = 0;

 protected:
  ~CallerWorld() = default;
};

class Caller final : private PeerActor {
 public:
  Caller(CallerWorld& world, Timeline& timeline, std::string sandbox, Nanos think_max, uint64_t seed);

  void start() { open(); }
  /// Ends behind the answer that is awaited.
  void stop() { stopping_ = true; }
  bool done() const { return done_; }

 private:
  void open();
  void ask();
  void later();
  void complete(int status);
  void on_connected(PeerEnd& end) override;
  void on_data(PeerEnd& end, std::string_view bytes) override;
  void on_fin(PeerEnd& end) override;
  void on_broken(PeerEnd& end) override;
  void connection_over();

  CallerWorld& world_;
  Timeline& timeline_;
  const std::string sandbox_;
  const Nanos think_max_;
  Random random_;
  std::vector<std::unique_ptr<PeerEnd>> ends_;  ///< all there were: events may still point at old ones
  PeerEnd* end_ = nullptr;
  std::optional<HttpReader> reader_;
  uint64_t number_ = 0;
  bool waiting_ = false;  ///< for an answer
  const Tenant* owing_ = nullptr;
  bool stopping_ = false;
  bool done_ = false;
};

}  // namespace sandgate::simulation
