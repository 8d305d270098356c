#include "http/h1/head_writer.h"

#include <charconv>
#include <cstring>

namespace sandgate::http::h1 {
namespace {

constexpr size_t kFramingRoom = 128;  // Content-Length with 20 digits, Connection and the blank line with room to spare

class Pen {
 public:
  explicit Pen(char* to) : start_(to), at_(to) {}
  void text(std::string_view s) {
    if (s.empty()) return;  // memcpy may not be given the null pointer an empty view can hold
    std::memcpy(at_, s.data(), s.size());
    at_ += s.size();
  }
  void byte(char c) { *at_++ = c; }
  void number(uint64_t n) { at_ = std::to_chars(at_, at_ + 20, n).ptr; }
  void field(std::string_view name, std::string_view value) {
    text(name);
    text(": ");
    text(value);
    text("\r\n");
  }
  size_t size() const { return static_cast<size_t>(at_ - start_); }

 private:
  char* start_;
  char* at_;
};

size_t fields_size(const std::vector<OutField>& fields) {
  size_t size = 0;
  for (const OutField& f : fields) size += f.name.size() + f.value.size() + 4;
  return size;
}

void write_framing(Pen& pen, const Framing& framing, std::string_view connection, std::string_view upgrade) {
  if (framing.kind == BodyKind::kChunked) {
    pen.text("Transfer-Encoding: chunked\r\n");
  } else if (framing.kind == BodyKind::kFixed || framing.stated_length) {
    pen.text("Content-Length: ");
    pen.number(framing.kind == BodyKind::kFixed ? framing.length : *framing.stated_length);
    pen.text("\r\n");
  }
  if (!connection.empty()) pen.field("Connection", connection);
  if (!upgrade.empty()) pen.field("Upgrade", upgrade);
  pen.text("\r\n");
}

}  // namespace

size_t request_head_size(const RequestOut& head) {
  return head.method.size() + head.target.size() + head.authority.size() + head.upgrade.size() +
         fields_size(head.fields) + 32 + kFramingRoom;
}

size_t response_head_size(const ResponseOut& head) {
  return head.reason.size() + head.upgrade.size() + fields_size(head.fields) + 32 + kFramingRoom;
}

size_t write_request_head(const RequestOut& head, const Framing& framing, std::string_view connection, char* to) {
  Pen pen(to);
  pen.text(head.method);
  pen.byte(' ');
  pen.text(head.target);
  pen.text(" HTTP/1.1\r\n");
  pen.field("Host", head.authority);
  for (const OutField& f : head.fields) pen.field(f.name, f.value);
  write_framing(pen, framing, connection, head.upgrade);
  return pen.size();
}

size_t write_response_head(const ResponseOut& head, const Framing& framing, std::string_view connection, char* to) {
  Pen pen(to);
  pen.text("HTTP/1.1 ");
  pen.number(head.status);
  pen.byte(' ');
  pen.text(head.reason);
  pen.text("\r\n");
  for (const OutField& f : head.fields) pen.field(f.name, f.value);
  write_framing(pen, framing, connection, head.upgrade);
  return pen.size();
}

void append_trailer_section(const Trailers& trailers, std::string& out) {
  for (const auto& [name, value] : trailers) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out.append("\r\n");
}

}  // namespace sandgate::http::h1
