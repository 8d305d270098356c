// Heads as bytes. What is written here, head_parser reads back as the same head (a test and a fuzzer hold it to that).
#pragma once

#include <string_view>

#include "http/framing.h"
#include "http/head.h"

namespace sandgate::http::h1 {

/// Bytes a head takes at most: the room to have before rendering.
size_t request_head_size(const RequestOut& head);
size_t response_head_size(const ResponseOut& head);

/// Renders into `to`, which has room for the size above; returns the bytes written. Framing decides Content-Length
/// and Transfer-Encoding; `connection` is the Connection field's value, left out when empty.
size_t write_request_head(const RequestOut& head, const Framing& framing, std::string_view connection, char* to);
size_t write_response_head(const ResponseOut& head, const Framing& framing, std::string_view connection, char* to);

/// Trailer lines and the blank line after the last chunk's "0\r\n".
void append_trailer_section(const Trailers& trailers, std::string& out);

}  // namespace sandgate::http::h1
