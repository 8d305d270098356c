// Everything about a run that is drawn from its seed before it starts: how each exchange goes, how each side behaves,
// what the network does to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "link.h"
#include "proxy/options.h"
#include "sim_network.h"

namespace sandgate::simulation {

/// How rough a run is. Chances are "one in n"; 0 means never.
struct Weather {
  unsigned client_fault = 0;   ///< exchanges whose client misbehaves
  unsigned sandbox_fault = 0;  ///< exchanges whose sandbox misbehaves
  unsigned link_fault = 0;     ///< connections with a fault
  unsigned dial_fault = 0;     ///< connection attempts that fail or fall silent
  unsigned name_fault = 0;     ///< look-ups that fail or fall silent
  unsigned review_fault = 0;   ///< reviews of tokens that fail, say no, come late or say nothing
  unsigned slow = 3;           ///< exchanges with pauses everybody must bear
};

enum class BodyForm : uint8_t { kNone, kLength, kChunked, kUntilClose };

/// What the client does beside sending its request and reading the answer.
enum class ClientManner : uint8_t {
  kPlain,
  kPauseReading,  ///< stops reading for a while that must be borne
  kHalfClose,     ///< FIN behind the request, then reads
  kAbortSending,  ///< goes away in the middle of its request
  kLeave,         ///< goes away after its request
  kStopSending,   ///< falls silent in the middle of its request
  kStopReading,   ///< falls silent in the middle of the answer
  kBadRequest,    ///< sends what is no acceptable request
};

enum class SandboxManner : uint8_t {
  kPlain,
  kCut,             ///< the answer ends early, by reset or FIN, or in silence
  kDie,             ///< closes after the request without a byte of answer
  kSilent,          ///< never answers
  kGarbage,         ///< answers with bytes that are no acceptable response
  kLeftover,        ///< a good answer with bytes behind it that nobody asked for
  kEarly,           ///< answers before it has read the request, then reads on
  kEarlyClose,      ///< answers before it has read the request, and closes
  kEarlyCut,        ///< begins to answer before it has read the request, and ends both early
  kUnaskedUpgrade,  ///< 101 to an ordinary request
};

constexpr bool answers_early(SandboxManner manner) {
  return manner == SandboxManner::kEarly || manner == SandboxManner::kEarlyClose || manner == SandboxManner::kEarlyCut;
}

/// What the sandbox does with its connection after a good answer.
enum class Afterwards : uint8_t {
  kKeep,
  kCloseSaid,      ///< Connection: close, then closes
  kCloseSilently,  ///< closes although it has not said so
  kCloseSoon,      ///< the same, some milliseconds later
  kGuillotine,     ///< closes in the moment the next request sets out
};

enum class WebSocketEnd : uint8_t {
  kClientCloses,
  kSandboxCloses,
  kClientResets,
  kSandboxResets,
  kClientFin,
  kSandboxFin
};

struct ExchangePlan {
  uint64_t id = 0;
  unsigned sandbox = 0;
  unsigned token = 0;  ///< which one it brings, where tokens are reviewed
  // request
  std::string method = "GET";
  bool http10 = false;
  bool expect = false;
  bool websocket = false;
  BodyForm request_form = BodyForm::kNone;
  uint64_t request_size = 0;
  bool request_trailers = false;
  ClientManner client = ClientManner::kPlain;
  bool client_abrupt = false;    ///< goes away by reset instead of FIN
  uint64_t client_fault_at = 0;  ///< in per mille of the request or the answer
  unsigned bad_request = 0;      ///< which kind
  bool drip = false;             ///< the request is sent in small pieces with pauses
  bool says_close = false;
  // answer
  int status = 200;
  BodyForm response_form = BodyForm::kLength;
  uint64_t response_size = 0;
  bool response_trailers = false;
  unsigned interims = 0;
  Nanos think{0};
  bool pauses = false;  ///< the answer comes in pieces with pauses
  SandboxManner manner = SandboxManner::kPlain;
  unsigned fault_kind = 0;        ///< a variant of the manner
  uint64_t sandbox_fault_at = 0;  ///< per mille of the answer
  Afterwards afterwards = Afterwards::kKeep;
  bool refuses_upgrade = false;
  WebSocketEnd websocket_end = WebSocketEnd::kClientCloses;
  unsigned websocket_messages = 0;

  bool replayable() const {
    return (method == "GET" || method == "HEAD" || method == "OPTIONS") && request_form == BodyForm::kNone;
  }
};

/// One client: connections one after the other until its exchanges are through.
struct ClientPlan {
  std::vector<ExchangePlan> exchanges;
  unsigned pipeline = 1;  ///< requests under way at once
  Nanos starts_after{0};
  Nanos think_max{0};
};

struct RunPlan {
  Weather weather;
  PollerPlan poller;
  proxy::ProxyOptions options;
  bool table = false;     ///< sandboxes come from a routing table, not from names
  bool reviewed = false;  ///< a request waits until its token has been reviewed
  unsigned sandboxes = 1;
  std::vector<ClientPlan> clients;
  Nanos drain_after{0};  ///< 0: no drain before the end
  size_t exchanges = 0;
};

RunPlan draw_run(Random& random, size_t exchanges_min);
/// A connection's plan: `by_client` is towards the gateway, else from it.
LinkPlan draw_link(Random& random, const Weather& weather);

/// Pauses that everybody must bear, and silence that nobody has to.
inline constexpr Nanos kBearable = Millis(400);
inline constexpr Nanos kSilence = Seconds(40);

}  // namespace sandgate::simulation
