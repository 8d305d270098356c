#include "plan.h"

#include <algorithm>
#include <array>

namespace sandgate::simulation {
namespace {

Nanos up_to(Random& random, Nanos most) {
  return Nanos(static_cast<int64_t>(random.below(static_cast<uint64_t>(most.count()) + 1)));
}

bool chance(Random& random, unsigned one_in) { return one_in > 0 && random.one_in(one_in); }

/// Mostly small, sometimes around the sizes where something changes (buffers, scratch, chunks), seldom large.
uint64_t draw_size(Random& random) {
  static constexpr std::array<uint64_t, 10> kEdges{1, 4096, 16384, 65536, 131072, 4095, 65535, 65537, 262144, 300000};
  switch (random.below(10)) {
    case 0:
      return 0;
    case 1:
      return kEdges[random.below(kEdges.size())] + random.below(3);
    case 2:
      return random.below(100'000);
    case 3:
      return random.below(20'000);
    default:
      return 1 + random.below(3000);
  }
}

Weather draw_weather(Random& random) {
  Weather w;
  const unsigned rough = static_cast<unsigned>(random.below(4));  // 0: calm
  if (rough == 0) return w;
  const auto level = [&](unsigned often) {
    return random.one_in(3) ? 0 : often * (4 - rough) + static_cast<unsigned>(random.below(often));
  };
  w.client_fault = level(4);
  w.sandbox_fault = level(4);
  w.link_fault = level(6);
  w.dial_fault = level(8);
  w.name_fault = level(8);
  w.review_fault = level(8);
  return w;
}

proxy::ProxyOptions draw_options(Random& random) {
  proxy::ProxyOptions o;
  o.downstream.head_timeout = Millis(2000);
  o.downstream.idle_timeout = Millis(8000);
  o.downstream.linger_timeout = Millis(500);
  o.downstream.body_rate_grace = Millis(3000);
  o.downstream.write_timeout = Millis(4000);
  o.timeout = Millis(5000);
  o.connect_timeout = Millis(1000);
  o.expect_timeout = Millis(500);
  o.half_close_allowed = random.one_in(4);
  o.retry.initial_delay = Millis(100);
  o.retry.max_delay = Millis(400);
  o.retry.retries_max = static_cast<unsigned>(random.below(4));
  o.pool.idle_per_target_max = random.one_in(8) ? 0 : 1 + random.below(8);
  o.pool.idle_total_max = 1 + random.below(16);
  o.pool.idle_timeout = Millis(2000);
  o.websocket.idle_timeout = Millis(9000);
  o.websocket.max_lifetime = Millis(30'000);
  o.websocket.message_bytes_max = 64 * 1024;
  o.websocket.close_grace = Millis(2000);
  o.limits.connections_max = 10'000;
  return o;
}

void draw_request(Random& random, ExchangePlan& e) {
  static constexpr std::array<const char*, 20> kMethods{"GET",  "GET",  "GET",    "GET",    "GET",   "GET",    "GET",
                                                        "HEAD", "HEAD", "POST",   "POST",   "POST",  "POST",   "POST",
                                                        "PUT",  "PUT",  "DELETE", "DELETE", "PATCH", "OPTIONS"};
  e.method = kMethods[random.below(kMethods.size())];
  e.http10 = random.one_in(25);
  const bool may_have_body = e.method != "GET" && e.method != "HEAD" && e.method != "OPTIONS";
  if (may_have_body && !random.one_in(4)) {
    e.request_form = e.http10 || random.one_in(2) ? BodyForm::kLength : BodyForm::kChunked;
    e.request_size = draw_size(random);
    e.request_trailers = e.request_form == BodyForm::kChunked && random.one_in(3);
    e.expect = !e.http10 && e.request_size > 0 && random.one_in(5);
  }
  e.says_close = random.one_in(12);
}

void draw_answer(Random& random, ExchangePlan& e) {
  static constexpr std::array<int, 8> kStatuses{200, 200, 200, 201, 204, 304, 404, 503};
  e.status = kStatuses[random.below(kStatuses.size())];
  static constexpr std::array<BodyForm, 5> kForms{BodyForm::kLength, BodyForm::kLength, BodyForm::kChunked,
                                                  BodyForm::kChunked, BodyForm::kUntilClose};
  e.response_form = kForms[random.below(kForms.size())];
  e.response_size = draw_size(random);
  if (e.status == 204 || e.status == 304) {
    e.response_form = BodyForm::kNone;
    e.response_size = 0;
  }
  e.response_trailers = e.response_form == BodyForm::kChunked && random.one_in(3);
  e.interims = random.one_in(8) ? 1 + static_cast<unsigned>(random.below(3)) : 0;
  e.think = random.one_in(3) ? up_to(random, kBearable) : Nanos(0);
  static constexpr std::array<Afterwards, 8> kAfter{
      Afterwards::kKeep,      Afterwards::kKeep,          Afterwards::kKeep,      Afterwards::kKeep,
      Afterwards::kCloseSaid, Afterwards::kCloseSilently, Afterwards::kCloseSoon, Afterwards::kGuillotine};
  e.afterwards = kAfter[random.below(kAfter.size())];
}

void draw_websocket(Random& random, ExchangePlan& e) {
  e.websocket = true;
  e.method = "GET";
  e.refuses_upgrade = random.one_in(6);
  e.websocket_messages = static_cast<unsigned>(random.below(12));
  e.websocket_end = static_cast<WebSocketEnd>(random.below(random.one_in(3) ? 6 : 2));
  e.status = e.refuses_upgrade ? 403 : 101;
  e.response_form = BodyForm::kLength;
  e.response_size = e.refuses_upgrade ? 20 : 0;
}

ExchangePlan draw_exchange(Random& random, const Weather& weather) {
  ExchangePlan e;
  if (random.one_in(16)) {
    draw_websocket(random, e);
    return e;
  }
  draw_request(random, e);
  draw_answer(random, e);
  e.drip = chance(random, weather.slow) && random.one_in(2);
  e.pauses = chance(random, weather.slow) && random.one_in(2);
  if (chance(random, weather.client_fault)) {
    e.client = static_cast<ClientManner>(1 + random.below(7));
    e.client_abrupt = random.one_in(2);
    e.client_fault_at = random.below(1001);
    e.bad_request = static_cast<unsigned>(random.below(64));
  }
  if (chance(random, weather.sandbox_fault)) {
    e.manner = static_cast<SandboxManner>(1 + random.below(9));
    e.fault_kind = static_cast<unsigned>(random.below(64));
    e.sandbox_fault_at = random.below(1001);
    if (answers_early(e.manner) && e.request_form != BodyForm::kNone && random.one_in(2)) {
      e.request_size += 20'000;  // so that there is something left to send
      if (e.response_form != BodyForm::kNone) e.response_form = BodyForm::kUntilClose;
      e.response_trailers = false;
    }
  }
  return e;
}

FlowPlan draw_flow(Random& random) {
  FlowPlan f;
  if (!random.one_in(3)) f.latency = up_to(random, Millis(30));
  if (random.one_in(2)) f.jitter = up_to(random, Millis(10));
  f.segment_max = random.one_in(4) ? 1 + random.below(16) : 1 + random.below(65536);
  f.short_writes = random.one_in(3);
  return f;
}

/// Room for bytes: sometimes a few only, but never so few that the minimum rate could not be kept.
size_t draw_room(Random& random, Nanos round_trip) {
  const auto needed = static_cast<size_t>(40'000 * std::chrono::duration<double>(round_trip + Millis(4)).count()) + 1;
  switch (random.below(4)) {
    case 0:
      return needed + random.below(64);
    case 1:
      return needed + random.below(8192);
    default:
      return 32 * 1024 + random.below(300 * 1024);
  }
}

}  // namespace

LinkPlan draw_link(Random& random, const Weather& weather) {
  LinkPlan link;
  for (FlowPlan& flow : link.flow) flow = draw_flow(random);
  const Nanos round_trip = link.flow[0].latency + link.flow[1].latency + link.flow[0].jitter + link.flow[1].jitter;
  for (FlowPlan& flow : link.flow) {
    flow.send_room = draw_room(random, round_trip);
    flow.receive_room = draw_room(random, round_trip);
    // What a sender has handed over must arrive well before it loses patience.
    flow.send_room = std::min(flow.send_room, flow.receive_room * 16);
  }
  FaultPlan& fault = link.fault;
  fault.from = random.one_in(2) ? kGateway : kPeer;
  fault.after_bytes = random.one_in(2) ? random.below(600) : random.below(40'000);
  if (chance(random, weather.link_fault)) {
    fault.kind = static_cast<FaultPlan::Kind>(1 + random.below(3));
    fault.stall = kSilence;
  } else if (chance(random, weather.slow) && random.one_in(4)) {
    fault.kind = FaultPlan::Kind::kStall;
    fault.stall = up_to(random, kBearable);
  }
  return link;
}

RunPlan draw_run(Random& random, size_t exchanges_min) {
  RunPlan run;
  run.weather = draw_weather(random);
  run.poller.lean = random.one_in(3);
  run.poller.spurious = random.one_in(2) ? 1 + static_cast<unsigned>(random.below(50)) : 0;
  run.poller.lag_max = random.one_in(2) ? Nanos(Millis(2)) : Nanos(0);
  run.options = draw_options(random);
  run.table = random.one_in(2);
  run.reviewed = random.one_in(3);
  run.sandboxes = 1 + static_cast<unsigned>(random.below(5));
  uint64_t id = 1;
  while (run.exchanges < exchanges_min) {
    ClientPlan client;
    const size_t count = 1 + random.below(8);
    client.pipeline = random.one_in(4) ? 2 + static_cast<unsigned>(random.below(4)) : 1;
    client.starts_after = up_to(random, Millis(1500));
    client.think_max = random.one_in(3) ? Nanos(0) : Nanos(Millis(1 + random.below(300)));
    for (size_t i = 0; i < count; ++i) {
      client.exchanges.push_back(draw_exchange(random, run.weather));
      client.exchanges.back().id = id++;
      client.exchanges.back().sandbox = static_cast<unsigned>(random.below(run.sandboxes));
      client.exchanges.back().token = static_cast<unsigned>(random.below(6));
    }
    run.exchanges += count;
    run.clients.push_back(std::move(client));
  }
  if (random.one_in(10)) run.drain_after = up_to(random, Millis(4000)) + Nanos(1);
  return run;
}

}  // namespace sandgate::simulation
