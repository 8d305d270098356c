// Addresses that pass from one sandbox to the next, and what the gateway's connections to them bring. Every byte that
// arrives must be meant for the sandbox that lives there then.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "http_reader.h"
#include "peer_end.h"

namespace sandgate::simulation {

/// One life of a sandbox: another has another UID, even under the same name.
struct Tenant {
  std::string name;
  std::string uid;
  std::string pod_uid;
  IpAddress address;
  bool routed = false;  ///< a table has named it
  bool leaving = false;
  bool fenced = false;  ///< the newest table does not name it any more: nothing new may be sent to it
  size_t answers = 0;
};

/// Where requests for a sandbox go: its name stands in them.
std::string target_for(const std::string& name, uint64_t number);

class Premises;

/// One connection of the gateway to an address.
class Session final : private PeerActor {
 public:
  Session(Timeline& timeline, Random& random, Link& link, Premises& at);

  /// Who lived here goes. How it ends: at once, silently, or it lives on in the hands of the next one, which is only
  /// possible while nothing is under way on it.
  void move_out();
  void move_in();

 private:
  enum class End : uint8_t {
    kFin,
    kReset,
    kVanish,
    kFinishes,  ///< who moved out answers what he has begun, and listens on
    kStays,     ///< whoever moves in has it
  };
  struct Sent {
    uint64_t at;  ///< the message's first byte, counted from the connection's first
    std::string name;
  };

  void on_tap(std::string_view bytes);
  void on_data(PeerEnd& end, std::string_view bytes) override;
  void on_fin(PeerEnd& end) override { end.close(); }
  void on_broken(PeerEnd& end) override { end.close(); }
  void check_arrival(uint64_t from, uint64_t to);
  void answer();
  bool idle() const;

  Timeline& timeline_;
  Random& random_;
  Link& link_;
  Premises& at_;
  Tenant& opened_for_;
  PeerEnd end_;
  HttpReader tap_{HttpReader::Kind::kRequests};
  HttpReader reader_{HttpReader::Kind::kRequests};
  std::vector<Sent> sent_;  ///< by the gateway
  uint64_t tapped_ = 0;
  uint64_t received_ = 0;
  bool answering_ = false;
  bool old_ = false;    ///< still in the hands of who moved out
  bool stays_ = false;  ///< handed over from tenant to tenant
};

/// What the premises of one world share.
struct Neighbourhood {
  Timeline& timeline;
  Random& random;
  std::function<void(const std::string&)> violation;
  size_t handed_over = 0;  ///< connections that outlived their tenant
};

/// One address.
class Premises {
 public:
  explicit Premises(Neighbourhood& all, const IpAddress& address) : all_(all), address_(address) {}

  const IpAddress& address() const { return address_; }
  /// Null while nobody lives here: connections are refused then.
  Tenant* tenant() const { return tenant_; }
  void move_in(Tenant& tenant);
  void move_out();
  void accept(Link& link);

 private:
  friend class Session;

  Neighbourhood& all_;
  const IpAddress address_;
  Tenant* tenant_ = nullptr;
  std::vector<std::unique_ptr<Session>> sessions_;
};

}  // namespace sandgate::simulation
