// The HTTP/1 codec on the yardstick's own messages: what of a request's cost is reading, rewriting and
// writing heads.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "http/field_id.h"
#include "http/forwarding.h"
#include "http/framing.h"
#include "http/h1/chunk_decoder.h"
#include "http/h1/head_parser.h"
#include "http/h1/head_writer.h"
#include "http/head.h"

namespace sandgate::http::h1 {
namespace {

constexpr std::string_view kRequest =
    "GET /b/100 HTTP/1.1\r\n"
    "Host: gateway.example.internal\r\n"
    "User-Agent: python-httpx/0.27.0\r\n"
    "Accept: */*\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "X-Request-ID: 6f1c0c52-3c1f-4c0e-9a53-2c8a1de0b1aa\r\n"
    "Content-Type: application/json\r\n"
    "Authorization: Bearer 0123456789abcdef0123456789abcdef01234567\r\n"
    "X-Sandbox-ID: sb1\r\n"
    "X-Sandbox-Namespace: default\r\n"
    "X-Sandbox-Port: 9000\r\n"
    "\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Server: yard\r\n"
    "Date: Fri, 21 Nov 2025 08:00:00 GMT\r\n"
    "Content-Type: application/octet-stream\r\n"
    "Content-Length: 100\r\n"
    "X-Backend: b1\r\n"
    "\r\n";

void parse_request(benchmark::State& state) {
  RequestHead head;
  for (auto _ : state) {
    const HeadResult result = parse_request_head(kRequest, HeadBounds{}, head);
    if (result.status != HeadStatus::kComplete) return state.SkipWithError("not a complete head");
    benchmark::DoNotOptimize(head);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kRequest.size()));
}
BENCHMARK(parse_request);

// The part of it that turns names into ids.
void identify_fields(benchmark::State& state) {
  RequestHead head;
  if (parse_request_head(kRequest, HeadBounds{}, head).status != HeadStatus::kComplete) {
    return state.SkipWithError("not a complete head");
  }
  for (auto _ : state) {
    for (const Field& field : head.fields()) benchmark::DoNotOptimize(field_id(head.name(field)));
  }
}
BENCHMARK(identify_fields);

// As many fields as the limit lets through: the most one head can cost.
void parse_request_with_fields(benchmark::State& state) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: gateway.example.internal\r\n";
  for (int64_t i = 1; i < state.range(0); ++i) bytes += "X-Field-" + std::to_string(i) + ": some value or other\r\n";
  bytes += "\r\n";
  RequestHead head;
  for (auto _ : state) {
    const HeadResult result = parse_request_head(bytes, HeadBounds{}, head);
    if (result.status != HeadStatus::kComplete) return state.SkipWithError("not a complete head");
    benchmark::DoNotOptimize(head);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(parse_request_with_fields)->Arg(16)->Arg(64)->Arg(256);

void parse_response(benchmark::State& state) {
  ResponseHead head;
  for (auto _ : state) {
    const HeadResult result = parse_response_head(kResponse, HeadBounds{}, head);
    if (result.status != HeadStatus::kComplete) return state.SkipWithError("not a complete head");
    benchmark::DoNotOptimize(head);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kResponse.size()));
}
BENCHMARK(parse_response);

// A head that comes in pieces of this many bytes: what a drip costs.
void parse_request_in_pieces(benchmark::State& state) {
  const auto piece = static_cast<size_t>(state.range(0));
  RequestHead head;
  for (auto _ : state) {
    HeadScan scan;
    HeadStatus status = HeadStatus::kNeedMore;
    for (size_t have = piece; status == HeadStatus::kNeedMore; have += piece) {
      const std::string_view bytes = kRequest.substr(0, have);
      if (scan.worth_parsing(bytes)) status = parse_request_head(bytes, HeadBounds{}, head).status;
    }
    if (status != HeadStatus::kComplete) return state.SkipWithError("not a complete head");
  }
}
BENCHMARK(parse_request_in_pieces)->Arg(1)->Arg(16)->Arg(128);

// From a parsed head to the bytes for the sandbox, as the router does it for every request.
void rewrite_request(benchmark::State& state) {
  RequestHead head;
  if (parse_request_head(kRequest, HeadBounds{}, head).status != HeadStatus::kComplete) {
    return state.SkipWithError("not a complete head");
  }
  const std::optional<Framing> framing = request_framing(head);
  if (!framing) return state.SkipWithError("no framing");
  std::string bytes;
  RequestOut out;
  for (auto _ : state) {
    out.clear();
    out.method = head.method();
    out.target = head.target();
    out.authority = "127.1.0.1:9000";
    forward_fields(head, FieldSet{FieldId::kHost}, out.fields);
    out.fields.push_back({"X-Forwarded-For", "127.0.0.1"});
    out.fields.push_back({"X-Forwarded-Proto", "http"});
    bytes.resize(request_head_size(out));
    benchmark::DoNotOptimize(write_request_head(out, *framing, "", bytes.data()));
  }
}
BENCHMARK(rewrite_request);

// 64 KiB of payload in chunks of this size.
void decode_chunks(benchmark::State& state) {
  constexpr size_t kPayload = 64 << 10;
  const auto chunk = static_cast<size_t>(state.range(0));
  char size_line[32];
  const int printed = std::snprintf(size_line, sizeof size_line, "%zx\r\n", chunk);
  std::string bytes;
  for (size_t sent = 0; sent < kPayload; sent += chunk) {
    bytes.append(size_line, static_cast<size_t>(printed)).append(chunk, 'x').append("\r\n");
  }
  bytes += "0\r\n\r\n";
  for (auto _ : state) {
    ChunkDecoder decoder;
    std::string_view rest = bytes;
    BodyPiece piece;
    while (piece.step != BodyStep::kEnd) {
      piece = decoder.next(rest);
      if (piece.step == BodyStep::kMalformed || piece.step == BodyStep::kNeedMore) {
        return state.SkipWithError("the body was not read to its end");
      }
      rest.remove_prefix(piece.consumed);
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kPayload));
}
BENCHMARK(decode_chunks)->Arg(16)->Arg(1024)->Arg(16384);

}  // namespace
}  // namespace sandgate::http::h1
