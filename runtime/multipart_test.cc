#include "runtime/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace sandgate::runtime {
namespace {

using testing::HasSubstr;

/// Writes down what it hears.
struct Recorder final : PartSink {
  struct Part {
    std::string name;
    std::optional<std::string> filename;
    std::string body;
    bool ended = false;
    bool operator==(const Part&) const = default;
  };
  bool on_part(const PartHead& head) override {
    parts.push_back({head.name, head.filename, {}, false});
    return parts.size() != refuse_part;
  }
  bool on_part_bytes(std::string_view bytes) override {
    longest = std::max(longest, bytes.size());
    parts.back().body += bytes;
    return true;
  }
  bool on_part_end() override {
    parts.back().ended = true;
    return true;
  }
  std::vector<Part> parts;
  size_t longest = 0;
  size_t refuse_part = 0;
};

std::string file_part(std::string_view disposition, std::string_view body) {
  return "--B\r\nContent-Disposition: " + std::string(disposition) + "\r\n\r\n" + std::string(body);
}

struct Message {
  const char* label;
  std::string raw;
  std::vector<Recorder::Part> parts;
};

std::vector<Message> messages() {
  return {
      {"one file",
       file_part("form-data; name=\"file\"; filename=\"a.txt\"", "hello\r\n--B--\r\n"),
       {{"file", "a.txt", "hello", true}}},
      {"empty file", file_part("form-data; name=\"file\"; filename=\"a\"", "\r\n--B--"), {{"file", "a", "", true}}},
      {"field, then file",
       file_part("form-data; name=\"x\"", "1\r\n") +
           file_part("form-data; name=\"file\"; filename=\"f\"", "2\r\n--B--\r\n"),
       {{"x", std::nullopt, "1", true}, {"file", "f", "2", true}}},
      {"body that looks like delimiters",
       file_part("form-data; name=\"file\"; filename=\"f\"", "--B\r\n-\r\n--\r\n--A\r\r\n--\n--B--\r\n--B--\r\n"),
       {{"file", "f", "--B\r\n-\r\n--\r\n--A\r\r\n--\n--B--", true}}},
      {"preamble, padding and epilogue",
       "ignore --B this\r\n--B \t\r\nContent-Type: "
       "text/plain\r\ncontent-disposition:form-data;name=file;filename=f\r\n\r\nx\r\n"
       "--B--\t trailing\r\n--B\r\nrubbish",
       {{"file", "f", "x", true}}},
      {"no part at all", "--B--\r\n", {}},
      {"binary",
       file_part("form-data; name=\"file\"; filename=\"f\"", std::string("\0\r\n\xff\r\n-", 7) + "\r\n--B--"),
       {{"file", "f", std::string("\0\r\n\xff\r\n-", 7), true}}},
  };
}

TEST(MultipartParser, ReadsMessagesWhole) {
  for (const Message& m : messages()) {
    Recorder seen;
    MultipartParser parser("B", seen);
    const auto fed = parser.feed(m.raw);
    ASSERT_TRUE(fed) << m.label << ": " << fed.error().message;
    EXPECT_TRUE(parser.finish()) << m.label;
    EXPECT_EQ(seen.parts, m.parts) << m.label;
  }
}

TEST(MultipartParser, TheSameCutAtEveryByte) {
  for (const Message& m : messages()) {
    for (size_t cut = 1; cut < m.raw.size(); ++cut) {
      Recorder seen;
      MultipartParser parser("B", seen);
      ASSERT_TRUE(parser.feed(std::string_view(m.raw).substr(0, cut))) << m.label << " cut at " << cut;
      ASSERT_TRUE(parser.feed(std::string_view(m.raw).substr(cut))) << m.label << " cut at " << cut;
      EXPECT_TRUE(parser.finish());
      EXPECT_EQ(seen.parts, m.parts) << m.label << " cut at " << cut;
    }
    Recorder seen;
    MultipartParser parser("B", seen);
    for (const char& byte : m.raw) ASSERT_TRUE(parser.feed({&byte, 1})) << m.label;
    EXPECT_TRUE(parser.finish());
    EXPECT_EQ(seen.parts, m.parts) << m.label << " byte by byte";
  }
}

TEST(MultipartParser, NeverTakesAnUnfinishedBodyForAWholeOne) {
  const std::string raw = file_part("form-data; name=\"file\"; filename=\"f\"", "content\r\n--B--");
  for (size_t length = 0; length < raw.size(); ++length) {
    Recorder seen;
    MultipartParser parser("B", seen);
    ASSERT_TRUE(parser.feed(std::string_view(raw).substr(0, length)));
    EXPECT_FALSE(parser.finish()) << length;
    EXPECT_FALSE(parser.complete());
  }
}

TEST(MultipartParser, HandsBodyBytesOnAsTheyCome) {
  Recorder seen;
  MultipartParser parser("B", seen);
  ASSERT_TRUE(parser.feed(file_part("form-data; name=\"file\"; filename=\"f\"", "")));
  const std::string block(1000, 'x');
  for (int i = 1; i <= 50; ++i) {
    ASSERT_TRUE(parser.feed(block));
    ASSERT_EQ(seen.parts.at(0).body.size(), static_cast<size_t>(i) * 1000) << "nothing is held back without need";
  }
}

TEST(MultipartParser, RefusesWhatIsMalformed) {
  struct {
    const char* label;
    std::string raw, message;
  } const cases[] = {
      {"text after a delimiter", "--Bx\r\n", "must be followed by CRLF or --"},
      {"bare LF after a delimiter", "--B\n", "must be followed by CRLF or --"},
      {"endless padding", "--B" + std::string(300, ' '), "too many blanks"},
      {"no disposition", "--B\r\nContent-Type: text/plain\r\n\r\n", "no Content-Disposition"},
      {"no head", "--B\r\n\r\n", "no Content-Disposition"},
      {"two dispositions",
       "--B\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n",
       "two Content-Disposition"},
      {"no colon", "--B\r\nContent-Disposition\r\n\r\n", "must be Name: value"},
      {"blank in a field name", "--B\r\nContent-Disposition : form-data; name=a\r\n\r\n", "must be Name: value"},
      {"folded line", "--B\r\nContent-Disposition: form-data; name=a;\r\n filename=b\r\n\r\n", "must be Name: value"},
      {"other disposition", "--B\r\nContent-Disposition: attachment; name=a\r\n\r\n", "must be form-data"},
      {"no name", "--B\r\nContent-Disposition: form-data; filename=a\r\n\r\n", "\"name\" must be provided"},
      {"huge head", "--B\r\nX: " + std::string(20'000, 'x'), "longer than 16384 bytes"},
  };
  for (const auto& c : cases) {
    Recorder seen;
    MultipartParser parser("B", seen);
    const auto fed = parser.feed(c.raw);
    ASSERT_FALSE(fed) << c.label;
    EXPECT_THAT(fed.error().message, HasSubstr(c.message)) << c.label;
    EXPECT_FALSE(parser.feed("--B--")) << "stays refused";
    EXPECT_FALSE(parser.finish());
  }
}

TEST(MultipartParser, LimitsTheNumberOfParts) {
  Recorder seen;
  MultipartParser parser("B", seen, {1024, 3});
  std::string raw;
  for (int i = 0; i < 3; ++i) raw += file_part("form-data; name=x", "1\r\n");
  ASSERT_TRUE(parser.feed(raw));
  const auto fourth = parser.feed(file_part("form-data; name=x", ""));
  ASSERT_FALSE(fourth);
  EXPECT_THAT(fourth.error().message, HasSubstr("more than 3 parts"));
}

TEST(MultipartParser, StopsWhenTheSinkRefuses) {
  Recorder seen;
  seen.refuse_part = 1;
  MultipartParser parser("B", seen);
  EXPECT_FALSE(parser.feed(file_part("form-data; name=x", "1\r\n--B--")));
  EXPECT_EQ(seen.parts.at(0).body, "");
}

TEST(Disposition, ReadsNames) {
  struct {
    std::string_view value, name, filename;
  } const cases[] = {
      {R"(form-data; name="file"; filename="a b.txt")", "file", "a b.txt"},
      {R"(Form-Data;Name=file;FileName=plain)", "file", "plain"},
      {R"(form-data; name="file"; filename="dir/sub/x.txt")", "file", "dir/sub/x.txt"},
      {R"(form-data; name="file"; filename="a;b=c,d")", "file", "a;b=c,d"},
      {R"(form-data; name="file"; filename="say %22hi%22%0d%0A")", "file", "say \"hi\"\r\n"},
      {R"(form-data; name="file"; filename="100%25 %20 %2e%2E%")", "file", "100%25 %20 %2e%2E%"},
      {R"(form-data; name="file"; filename="a\"b\\c\d")", "file", R"(a"b\c\d)"},
      {"form-data; name=\"file\"; filename=\"\xc3\xa9\xe2\x82\xac.txt\"", "file", "\xc3\xa9\xe2\x82\xac.txt"},
      {R"(form-data; name="file"; filename="x"; filename*=UTF-8''%E2%82%AC%20rates)", "file", "\xe2\x82\xac rates"},
      {R"(form-data; name="file"; filename="ends with\")", "file", R"(ends with\)"},
      {R"(form-data; name="file"; filename="ends with\\")", "file", R"(ends with\)"},
      {R"(form-data; name="file"; filename="")", "file", ""},
      {R"(form-data; name="file"; filename="x";)", "file", "x"},
  };
  for (const auto& c : cases) {
    const auto head = parse_disposition(c.value);
    ASSERT_TRUE(head) << c.value << ": " << head.error().message;
    EXPECT_EQ(head->name, c.name);
    EXPECT_EQ(head->filename, c.filename) << c.value;
  }
  EXPECT_EQ(parse_disposition("form-data; name=x")->filename, std::nullopt);
}

TEST(Disposition, RefusesWhatIsAmbiguous) {
  for (const std::string_view value :
       {R"(form-data; name="file"; filename="a"; filename="b")", R"(form-data; name="a"; name="b")",
        R"(form-data; name="file"; filename="unclosed)", R"(form-data; name="file"; filename="a"b)",
        "form-data; =x; name=a", "form-data; name", R"(form-data; name="file"; filename*=latin-1''x)",
        R"(form-data; name="file"; filename*=UTF-8''%ff)", R"(form-data; name="file"; filename*=plain)"}) {
    EXPECT_FALSE(parse_disposition(value)) << value;
  }
}

TEST(MultipartBoundary, ComesFromTheContentType) {
  const auto boundary = [](std::string_view type) { return multipart_boundary(type); };
  EXPECT_EQ(**boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(**boundary("Multipart/Form-Data ; charset=utf-8; Boundary=\"a b:c\""), "a b:c");
  EXPECT_FALSE(boundary("application/json"));
  EXPECT_FALSE(boundary(""));
  EXPECT_FALSE(boundary("multipart/mixed; boundary=abc"));
  for (const std::string type :
       {"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\tb\"", "multipart/form-data; boundary"}) {
    ASSERT_TRUE(boundary(type)) << type;
    EXPECT_FALSE(boundary(type)->has_value()) << type;
  }
  EXPECT_FALSE(boundary("multipart/form-data; boundary=" + std::string(71, 'a'))->has_value());
  EXPECT_TRUE(boundary("multipart/form-data; boundary=" + std::string(70, 'a'))->has_value());
}

}  // namespace
}  // namespace sandgate::runtime
