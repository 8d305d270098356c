// What differs between the replaced products, behind one interface. proxy/ drives an exchange and asks the mode's
// FrontEnd four things: where to (plan), what to send there (edit_request), what to give back (edit_response), and how
// a failure looks to this product's clients (render). Pure: no I/O, no clock of its own.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/failure.h"
#include "base/ip_address.h"
#include "base/secret.h"
#include "http/forwarding.h"
#include "http/framing.h"
#include "http/head.h"
#include "policy/byte_rate.h"
#include "policy/keyed_limit.h"

namespace sandgate::sandbox {
class RoutingTable;
}

namespace sandgate::front {

/// All a mode may know about a request. References live during the call.
struct Inquiry {
  const http::RequestHead& head;
  const http::Framing& framing;
  const Endpoint& peer;
  const sandbox::RoutingTable* table;  ///< null: no provider of sandboxes, names are resolved by DNS
  bool body_too_large;                 ///< the stated length exceeds the configured cap
  MonoTime now{};
  WallTime wall{};
};

/// Where a request goes: a value, nobody keeps pointers into the table.
struct Target {
  std::string ns;
  std::string id;
  std::string uid;        ///< pod or sandbox UID when known: connections are pooled by it
  std::string authority;  ///< the Host field towards the sandbox
  std::string dns_name;   ///< to be resolved; empty when `address` is known
  /// With `dns_name`: only these may be dialled, whatever the name resolves to; empty: any that the guard allows.
  std::vector<IpAddress> expected;
  /// With `dns_name`: a connection that is there is used without asking for the name again.
  bool name_for_new_connections = false;
  std::optional<IpAddress> address;
  uint16_t port = 0;
  bool known = false;             ///< from the routing table, not merely named by the caller
  uint64_t table_generation = 0;  ///< of the table it was looked up in; set by proxy/

  void clear();
};

/// A complete answer made by the gateway itself.
struct Answer {
  uint16_t status = 200;
  std::string body;
  std::string_view content_type;                                 ///< static text; empty: no Content-Type field
  std::vector<std::pair<std::string_view, std::string>> fields;  ///< further fields; names are static text
  bool close = false;

  void clear();
};

enum class Verdict : uint8_t {
  kForward,
  kAnswer,
  kFail,
  kWait,  ///< an answer is missing that only somebody else has: the exchange asks, waits, and plans again
};

/// plan()'s result. Reused from request to request, so that its strings keep their memory.
struct Plan {
  Verdict verdict = Verdict::kFail;
  Failure failure;  ///< kFail
  Answer answer;    ///< kAnswer
  // kForward:
  Target target;
  std::string_view path;  ///< the request target to send; a view into the head or into `path_storage`
  std::string path_storage;
  Millis timeout{0};         ///< to the head, and between reads
  bool websocket = false;    ///< a valid handshake: expect a 101
  std::string_view upgrade;  ///< another protocol that may be tunnelled; empty: none
  std::string ws_key;
  std::string client_key;  ///< who is counted for per-client limits; set for upgrades
  bool strip_authorization = true;
  // Values of fields the mode adds; owned here until the head is rendered.
  std::string forwarded_for;
  std::string forwarded_host;
  std::list<std::string> made;  ///< further values and rewritten ones; stable while the exchange lasts
  std::string message;          ///< kFail: what render() says beside the code, where it is not static text
  std::string subject;          ///< the sandbox as the client named it: for render()
  std::string_view log_path;    ///< what the access log shows in place of the target's path; empty: that path
  std::string request_id;       ///< the client's or made by us; empty: the mode has none
  uint32_t retry_after_s = 0;   ///< kFail: what Retry-After says; 0: the mode's usual
  bool html = false;            ///< the client is a browser: render() may answer with a page
  http::FieldSet drop;          ///< request fields that are not sent on, beside those the mode never sends on
  // kWait:
  std::string wait_key;                 ///< equal questions have equal keys; no host name is one
  Secret wait_subject;                  ///< what is asked about
  Millis wait_limit{0};                 ///< no answer by then: Code::kInternal, rendered with `message`
  MonoTime granted_until = kFarFuture;  ///< a tunnel is closed with 1008 then
  /// Counts against a limit of the mode's own; given back when the exchange, or the tunnel it became, is over.
  policy::KeyedLimit::Lease place;
  /// Pays for the payload moved both ways, by the exchange and the tunnel it may become; empty: nobody counts.
  policy::ByteRate::Account account;

  void clear();
};

class FrontEnd {
 public:
  virtual ~FrontEnd() = default;

  /// May Host be empty (RFC 9112 3.2)? Else that is refused before plan().
  virtual bool takes_empty_host() const { return false; }
  /// The mode's own ordered list of checks; the first failure wins.
  virtual void plan(const Inquiry& inquiry, Plan& plan) const = 0;
  /// Fills method, target, authority and fields towards the sandbox. Views may point into head and plan.
  virtual void edit_request(const Inquiry& inquiry, Plan& plan, http::RequestOut& out) const = 0;
  /// Fills status, reason and fields towards the client.
  virtual void edit_response(const http::ResponseHead& head, Plan& plan, http::ResponseOut& out) const = 0;
  /// Called once for each request that passed every check of plan(), before a connection is looked for.
  virtual void on_forward(const Inquiry& /*inquiry*/, const Plan& /*plan*/) const {}
  /// The client's address by the mode's trust rules: for the log.
  virtual std::string client_ip(const Inquiry& inquiry) const = 0;
  /// The error as this product's clients know it. `forwarded`: the request may have reached the sandbox.
  virtual void render(const Failure& failure, const Plan& plan, bool forwarded, Answer& answer) const = 0;
};

}  // namespace sandgate::front
