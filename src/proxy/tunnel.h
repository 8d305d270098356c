// What an exchange becomes after a 101: two sockets and a watcher for each direction. Small, as thousands stay idle.
//
// Frame heads are read, payloads are not: a long payload goes through a kernel pipe. Where the gateway must speak
// itself (too large a message, idle, too old, shutting down, sandbox lost) it waits for a frame boundary and puts a
// real close frame there; when none comes within the grace, the connection is cut.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/intrusive_list.h"
#include "http/ws/watcher.h"
#include "io/loop.h"
#include "observe/limits.h"
#include "policy/byte_rate.h"
#include "proxy/options.h"
#include "wire/h1_connection.h"

namespace sandgate::proxy {

struct TunnelListTag {};

/// Why and how a tunnel ended: for the access record.
struct TunnelEnd {
  uint64_t bytes_from_client = 0;
  uint64_t bytes_from_sandbox = 0;
  uint16_t own_close_code = 0;            ///< 0: the two ends closed it themselves
  std::optional<observe::Limit> limit{};  ///< the limit that made us close it
  bool rested = false;                    ///< its account was overdrawn and held it back
  bool grace_ran_out = false;             ///< an end did not close in time and was cut
};

class Tunnel final : public io::Retirable,
                     public ListNode<TunnelListTag>,
                     private io::DeadlineOwner,
                     private io::LaterTask,
                     private io::ScratchUser {
 public:
  struct Kind {
    bool websocket = true;                ///< false: opaque bytes with half-close, no limits but life and idle time
    bool extensions = false;              ///< RSV bits may be used
    MonoTime granted_until = kFarFuture;  ///< the caller's permission ends: 1008 (threat model 1, row 24)
    policy::ByteRate::Account account{};  ///< pays for what moves; empty: nobody counts
  };
  /// `done` is called once, when both sockets are closed; the tunnel is destroyed at the end of that turn. `released`
  /// is called when the client's slot is to be freed: when an own close was sent, else with `done`.
  Tunnel(io::Loop& loop, const WebSocketOptions& options, Kind kind, wire::RawEnd downstream, wire::RawEnd upstream,
         std::function<void(const TunnelEnd&)> done, std::function<void()> released);
  ~Tunnel() override;

  /// To be called once after construction.
  void start();
  /// 1001 to both sides.
  void shut_down();
  /// Cuts both sides at once.
  void cut();

 private:
  /// One of the two sockets; `watcher` looks at what is read from it.
  struct End final : io::ReadyHandler {
    End(Tunnel& owner, wire::RawEnd raw, http::ws::Direction direction, http::ws::Watcher::Rules rules);
    void mark_ready(uint8_t ready) override;
    void on_ready(uint8_t) override { tunnel.advance(); }

    /// Our close frame has left towards this end and its own has come back, or it is gone.
    bool answered_close() const { return dead || (close_sent && unsent.empty() && (watcher.close_seen() || eof)); }

    Tunnel& tunnel;
    std::unique_ptr<io::Socket> socket;
    io::Buffer unread;               ///< received before the tunnel began
    io::Buffer unsent;               ///< for this end, not taken by its socket yet
    std::unique_ptr<io::Pipe> pipe;  ///< payload from this end on its way to the other
    http::ws::Watcher watcher;
    uint64_t received = 0;
    bool readable;
    bool hangup;
    bool eof = false;  ///< nothing more will come from this end
    bool write_blocked = false;
    bool fin_sent = false;
    bool dead = false;        ///< reset, or failed
    bool close_sent = false;  ///< our own close frame went to this end
  };

  void settle_scratch() override {}  // everything read is passed on before anyone else can ask
  void on_deadline(MonoTime now) override;
  void run_later() override { advance(); }
  void advance();
  /// True when it has used its share of the turn.
  bool pump(End& from, End& to);
  bool pump_pipe(End& from, End& to);
  void pay();
  bool forward(End& from, End& to, std::string_view bytes);
  void send(End& to, std::string_view first, std::string_view second);
  void flush(End& to);
  void finish_sending(End& to);
  void begin_close(uint16_t code, std::string_view reason, std::optional<observe::Limit> limit = std::nullopt);
  void place_close(End& from, End& to);
  void read_away(End& end);
  void upstream_lost();
  void set_timer();
  void end();

  io::Loop& loop_;
  const WebSocketOptions& options_;
  const Kind kind_;
  End down_;
  End up_;
  io::DeadlineTimer timer_;
  const MonoTime started_;
  MonoTime last_activity_;
  MonoTime cut_at_ = kFarFuture;
  MonoTime rest_until_{};  ///< nothing moves before, unless we are closing
  uint64_t paid_ = 0;      ///< bytes the account has been told of
  std::function<void(const TunnelEnd&)> done_;
  std::function<void()> released_;
  std::string_view close_reason_{};
  uint16_t close_code_ = 0;              ///< not 0: we are closing
  std::optional<observe::Limit> limit_;  ///< that made us close
  bool rested_ = false;
  bool grace_ran_out_ = false;
  bool ended_ = false;
};

}  // namespace sandgate::proxy
