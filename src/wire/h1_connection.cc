#include "wire/h1_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "base/planted.h"
#include "http/h1/head_writer.h"

namespace sandgate::wire {
namespace {

constexpr size_t kCopyMax = 4096;           // up to here gathering beats a second iovec
constexpr size_t kGatherMax = 16 * 1024;    // small pieces gathered before they are sent without being asked
constexpr size_t kFillSize = 16 * 1024;     // when bytes must be kept: one pool block
constexpr uint64_t kSpliceMin = 64 * 1024;  // shorter runs are cheaper to copy

iovec piece(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

}  // namespace

H1Connection::H1Connection(Context& context, std::unique_ptr<io::Socket> socket)
    : context_(context), socket_(std::move(socket)), in_(context.loop.buffers()), out_(context.loop.buffers()) {
  socket_->set_handler(this);
}

H1Connection::~H1Connection() {
  context_.loop.scratch().release(*this);
  context_.loop.retire(std::move(socket_));
}

void H1Connection::mark_ready(uint8_t ready) {
  if (ready & io::kReadable) readable_ = true;
  if (ready & io::kWritable) write_blocked_ = false;
  if (ready & io::kHangup) hangup_ = readable_ = true;
  if (ready & io::kBroken) reset_seen_ = readable_ = true;  // reading tells the error
}

// --- receiving -------------------------------------------------------------------------------------------------

std::string_view H1Connection::unread() const {
  if (!in_.empty()) return in_.view().substr(in_used_);
  if (scratch_begin_ == scratch_end_) return {};
  // The scratch is ours as long as there is something in it: settle_scratch() empties it otherwise.
  char* memory = context_.loop.scratch().acquire(const_cast<H1Connection&>(*this));
  return {memory + scratch_begin_, scratch_end_ - scratch_begin_};
}

void H1Connection::consume(size_t n) {
  if (!in_.empty()) {
    in_used_ += static_cast<uint32_t>(n);
  } else {
    scratch_begin_ += static_cast<uint32_t>(n);
  }
}

void H1Connection::settle_scratch() {
  const std::string_view left = unread();
  if (in_.empty() && !left.empty()) in_.append(left);
  scratch_begin_ = scratch_end_ = 0;
}

H1Connection::Fill H1Connection::fill() {
  if (broken_) return Fill::kFailed;
  if (eof_) return Fill::kEof;
  if (!readable_) return Fill::kBlocked;
  if (in_used_ > 0) {
    in_.consume(in_used_);
    in_used_ = 0;
  }
  io::IoResult r;
  size_t asked = 0;
  if (unread().empty()) {
    asked = io::Scratch::kSize;
    r = socket_->recv(context_.loop.scratch().acquire(*this), asked);
    scratch_begin_ = 0;
    scratch_end_ = static_cast<uint32_t>(r.bytes);
  } else {
    settle_scratch();
    context_.loop.scratch().release(*this);
    char* to = in_.reserve(std::max(in_.room(), kFillSize));
    asked = in_.room();
    r = socket_->recv(to, asked);
    in_.commit(r.bytes);
  }
  switch (r.status) {
    case io::IoResult::kOk:
      account_recv(r.bytes, asked);
      return Fill::kGot;
    case io::IoResult::kBlocked:
      readable_ = false;
      return Fill::kBlocked;
    case io::IoResult::kEof:
      eof_ = true;
      if (!reset_told_) return Fill::kEof;
      fail(io_failure(ECONNRESET));
      return Fill::kFailed;
    case io::IoResult::kFailed:
      fail(io_failure(r.error));
      return Fill::kFailed;
  }
  return Fill::kFailed;
}

/// A short read drained the socket: the next byte will be a new edge. A FIN is no byte, so it must still be fetched.
void H1Connection::account_recv(size_t n, size_t asked) {
  received_ += n;
  last_fill_full_ = n == asked;
  if (!last_fill_full_ && !hangup_) readable_ = false;
  if (SG_PLANTED(1)) readable_ = false;
}

http::ReadResult H1Connection::read_body() {
  if (receive_failed_) return {http::ReadStatus::kAborted};
  for (;;) {
    const http::h1::BodyPiece piece_read = decoder_.next(unread());
    consume(piece_read.consumed);
    switch (piece_read.step) {
      case http::h1::BodyStep::kData:
        return {http::ReadStatus::kData, piece_read.data};
      case http::h1::BodyStep::kEnd:
        return {http::ReadStatus::kEnd};
      case http::h1::BodyStep::kMalformed:
        fail_receiving(malformed_failure());
        return {http::ReadStatus::kAborted};
      case http::h1::BodyStep::kNeedMore:
        break;
    }
    switch (fill()) {
      case Fill::kGot:
        break;
      case Fill::kBlocked:
        return {http::ReadStatus::kBlocked};
      case Fill::kEof:
        if (SG_PLANTED(2)) decoder_ = http::h1::BodyDecoder();
        if (decoder_.end_of_input()) return {http::ReadStatus::kEnd};
        fail(cut_failure());
        return {http::ReadStatus::kAborted};
      case Fill::kFailed:
        return {http::ReadStatus::kAborted};
    }
  }
}

http::Trailers H1Connection::trailers_now() const {
  http::Trailers trailers;
  // The decoder has parsed them once already, so they are well-formed.
  SG_ASSERT(http::h1::parse_trailers(decoder_.trailer_bytes(), trailers));
  return trailers;
}

// --- sending ---------------------------------------------------------------------------------------------------

/// Sends out_, then `extra`, then `after`, as far as the socket takes them; keeps the rest in out_.
void H1Connection::send_out(std::string_view extra, std::string_view after) {
  if (sending_failed()) return;
  size_t written = 0;
  if (!write_blocked_ && !connecting_) {
    iovec pieces[3];
    size_t count = 0;
    for (const std::string_view bytes : {out_.empty() ? std::string_view() : out_.view(), extra, after}) {
      if (!bytes.empty()) pieces[count++] = piece(bytes);
    }
    if (count == 0) return;
    const io::IoResult r = socket_->send({pieces, count}, false);
    if (r.status == io::IoResult::kFailed) return fail_sending(r.error);
    written = r.bytes;
    sent_ += written;
  }
  const size_t total = out_.size() + extra.size() + after.size();
  if (written < total) write_blocked_ = write_blocked_ || !connecting_;
  const size_t from_out = std::min(written, out_.size());
  out_.consume(from_out);
  written -= from_out;
  const size_t from_extra = std::min(written, extra.size());
  out_.append(extra.substr(from_extra));
  out_.append(after.substr(written - from_extra));
}

void H1Connection::flush_out() {
  if (!out_.empty()) send_out({}, {});
}

bool H1Connection::write_body(std::string_view data) {
  if (data.empty()) return true;
  if (!encoder_.accepts(data.size())) return false;
  encoder_.count(data.size());
  std::string_view after;
  if (encoder_.chunked()) {
    char prefix[18];
    out_.append({prefix, http::h1::BodyEncoder::chunk_prefix(data.size(), prefix)});
    after = http::h1::BodyEncoder::kChunkSuffix;
  }
  if (data.size() <= kCopyMax) {
    out_.append(data);
    out_.append(after);
    if (out_.size() >= kGatherMax) flush_out();
  } else {
    send_out(data, after);
  }
  return true;
}

bool H1Connection::end_body(const http::Trailers& trailers) {
  if (!encoder_.may_end() || opaque_to_send_ > 0) return false;
  if (encoder_.chunked()) {
    std::string last(http::h1::BodyEncoder::kLastChunk);
    http::h1::append_trailer_section(trailers, last);
    out_.append(last);
  }
  return true;
}

// --- splice ----------------------------------------------------------------------------------------------------

uint64_t H1Connection::opaque_readable_now() const {
  if (!readable_ || broken_ || eof_ || !socket_->can_splice() || !unread().empty()) return 0;
  const uint64_t left = decoder_.opaque_left();
  if (left < kSpliceMin) return 0;
  // A body without an end in sight may be a trickle of events: splice only when it comes in bulk.
  return left == http::h1::kUnbounded && !last_fill_full_ ? 0 : left;
}

http::SpliceStatus H1Connection::splice_in_now(io::Pipe& pipe, uint64_t max, uint64_t& moved) {
  moved = 0;
  const auto want = static_cast<size_t>(std::min(max, decoder_.opaque_left()));
  const io::IoResult r = socket_->splice_to(pipe, want);
  switch (r.status) {
    case io::IoResult::kOk:
      moved = r.bytes;
      received_ += moved;
      decoder_.skip(moved);
      return http::SpliceStatus::kMoved;
    case io::IoResult::kBlocked:
      if (!hangup_) readable_ = false;
      last_fill_full_ = false;  // unbounded bodies: copy again until they come in bulk
      return http::SpliceStatus::kBlocked;
    case io::IoResult::kEof:
      eof_ = true;
      if (!reset_told_ && decoder_.end_of_input()) return http::SpliceStatus::kEnd;
      fail(cut_failure());
      return http::SpliceStatus::kAborted;
    case io::IoResult::kFailed:
      fail(io_failure(r.error));
      return http::SpliceStatus::kAborted;
  }
  return http::SpliceStatus::kAborted;
}

bool H1Connection::begin_opaque_now(uint64_t n) {
  if (!encoder_.accepts(n)) return false;
  encoder_.count(n);
  if (encoder_.chunked()) {
    char prefix[18];
    out_.append({prefix, http::h1::BodyEncoder::chunk_prefix(n, prefix)});
  }
  opaque_to_send_ += n;
  return true;
}

http::SpliceStatus H1Connection::splice_out_now(io::Pipe& pipe) {
  flush_out();
  if (sending_failed()) return http::SpliceStatus::kAborted;
  if (!out_.empty() || write_blocked_ || connecting_) return http::SpliceStatus::kBlocked;
  while (opaque_to_send_ > 0 && pipe.held > 0) {
    const auto n = static_cast<size_t>(std::min<uint64_t>(opaque_to_send_, pipe.held));
    const io::IoResult r = socket_->splice_from(pipe, n, false);
    if (r.status == io::IoResult::kFailed) {
      fail_sending(r.error);
      return http::SpliceStatus::kAborted;
    }
    if (r.bytes == 0) {
      write_blocked_ = true;
      return http::SpliceStatus::kBlocked;
    }
    sent_ += r.bytes;
    opaque_to_send_ -= r.bytes;
  }
  if (opaque_to_send_ == 0 && encoder_.chunked()) out_.append(http::h1::BodyEncoder::kChunkSuffix);
  return http::SpliceStatus::kMoved;
}

// --- life ------------------------------------------------------------------------------------------------------

void H1Connection::reset_message() {
  if (in_used_ > 0) {  // an idle connection holds no buffer
    in_.consume(in_used_);
    in_used_ = 0;
  }
  decoder_ = http::h1::BodyDecoder();
  encoder_ = http::h1::BodyEncoder();
  opaque_to_send_ = 0;
  received_ = sent_ = 0;
  last_fill_full_ = false;
  failure_ = {};
}

void H1Connection::fail(Failure failure) {
  broken_ = true;
  out_.clear();
  if (failure_.code == Code::kNone) failure_ = failure;
}

void H1Connection::fail_receiving(Failure failure) {
  receive_failed_ = true;
  if (failure_.code == Code::kNone) failure_ = failure;
}

/// A reset is told once, to whoever asks first: after a write has heard of it, reading ends as if a FIN had come. Only
/// EPIPE says that the peer's FIN was there before.
void H1Connection::fail_sending(int error) {
  const Failure failure = io_failure(error);
  send_failed_ = true;
  reset_told_ = reset_told_ || error != EPIPE;
  out_.clear();
  if (failure_.code == Code::kNone) failure_ = failure;
}

RawEnd H1Connection::detach_raw() {
  io::Buffer rest(context_.loop.buffers());
  rest.append(unread());
  scratch_begin_ = scratch_end_ = 0;
  context_.loop.scratch().release(*this);
  in_.clear();
  in_used_ = 0;
  socket_->set_handler(nullptr);
  return {std::move(socket_), std::move(rest), std::move(out_), readable_, hangup_};
}

}  // namespace sandgate::wire
