#include "sandbox/static_file.h"

#include <gtest/gtest.h>

#include <string>

namespace sandgate::sandbox {
namespace {

std::string show(const SandboxRecord& record) {
  return record.ns + "/" + record.id + " " + Endpoint{*record.address, record.port}.to_string() +
         (record.ready() ? "" : " not ready") + (record.uid.empty() ? "" : " uid");
}

std::vector<std::string> parsed(std::string_view text) {
  const auto records = parse_static_sandboxes(text, "boxes.txt");
  if (!records) return {"error: " + records.error().message};
  std::vector<std::string> out;
  for (const SandboxRecord& record : *records) out.push_back(show(record));
  return out;
}

using Lines = std::vector<std::string>;

TEST(StaticFileTest, AllForms) {
  EXPECT_EQ(parsed("# sandboxes\n"
                   "\n"
                   "team-a/box 10.0.0.5:8888\n"
                   "  box2\t127.0.0.2:1   # the second\n"
                   "x/y [2001:db8::1]:65535\r\n"
                   "   \t \n"
                   "#\n"
                   "last [::ffff:10.0.0.9]:80"),
            (Lines{"team-a/box 10.0.0.5:8888", "default/box2 127.0.0.2:1", "x/y [2001:db8::1]:65535",
                   "default/last 10.0.0.9:80"}));
  EXPECT_EQ(parsed(""), Lines{});
  EXPECT_EQ(parsed("\n\n"), Lines{});
  EXPECT_EQ(parsed("# only this"), Lines{});
}

TEST(StaticFileTest, TheSameIdInTwoNamespaces) { EXPECT_EQ(parsed("a/box 10.0.0.1:1\nb/box 10.0.0.1:1\n").size(), 2u); }

TEST(StaticFileTest, ErrorsNameFileLineAndWhatIsAccepted) {
  const std::string form = "; expected `NAMESPACE/ID ADDRESS:PORT` or `ID ADDRESS:PORT`";
  const std::string label =
      ", it must be 1 to 63 of a-z, 0-9 and `-`, beginning and ending with a letter or digit" + form;
  const std::string target =
      ", it must be an IPv4 address or an IPv6 address in brackets, a colon and a port from 1 to 65535" + form;
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"box\n", "boxes.txt:1: no address after `box`" + form},
      {"# c\n\nbox # 10.0.0.1:80\n", "boxes.txt:3: no address after `box`" + form},
      {"box 10.0.0.1:80 x\n", "boxes.txt:1: nothing may follow `10.0.0.1:80`" + form},
      {"Box 10.0.0.1:80", "boxes.txt:1: bad sandbox ID `Box`" + label},
      {"a/ 10.0.0.1:80", "boxes.txt:1: bad sandbox ID ``" + label},
      {"/a 10.0.0.1:80", "boxes.txt:1: bad namespace ``" + label},
      {"a/b/c 10.0.0.1:80", "boxes.txt:1: bad sandbox ID `b/c`" + label},
      {"a.b/c 10.0.0.1:80", "boxes.txt:1: bad namespace `a.b`" + label},
      {"c- 10.0.0.1:80", "boxes.txt:1: bad sandbox ID `c-`" + label},
      {"c\x1b 10.0.0.1:80", "boxes.txt:1: bad sandbox ID `c?`" + label},
      {std::string(100, 'c') + " 10.0.0.1:80", "boxes.txt:1: bad sandbox ID `" + std::string(80, 'c') + "...`" + label},
      {"ok 10.0.0.1:80\nbox 10.0.0.1", "boxes.txt:2: bad target `10.0.0.1`" + target},
      {"box 10.0.0.1:0", "boxes.txt:1: bad target `10.0.0.1:0`" + target},
      {"box 10.0.0.1:65536", "boxes.txt:1: bad target `10.0.0.1:65536`" + target},
      {"box 10.0.0.1:+80", "boxes.txt:1: bad target `10.0.0.1:+80`" + target},
      {"box localhost:80", "boxes.txt:1: bad target `localhost:80`" + target},
      {"box 2001:db8::1:80", "boxes.txt:1: bad target `2001:db8::1:80`" + target},
      {"box [10.0.0.1]:80", "boxes.txt:1: bad target `[10.0.0.1]:80`" + target},
      {"box 10.0.0.01:80", "boxes.txt:1: bad target `10.0.0.01:80`" + target},
      {"box http://10.0.0.1:80", "boxes.txt:1: bad target `http://10.0.0.1:80`" + target},
      {"box 10.0.0.1:80\nother 10.0.0.1:80\ndefault/box 10.0.0.2:80",
       "boxes.txt:3: sandbox `default/box` is already in line 1" + form},
      {"box 10.0.0.1:80\rother 10.0.0.1:80", "boxes.txt:1: nothing may follow `10.0.0.1:80?other`" + form},
  };
  for (const auto& c : cases) EXPECT_EQ(parsed(c.text), Lines{"error: " + c.message}) << c.text;
}

TEST(StaticFileTest, DefaultPortStandsForTheRecordsPort) {
  const SandboxRecord record = parse_static_sandboxes("box 10.0.0.1:30001", "f").value().front();
  EXPECT_EQ(port_for(record, 8888, 8888), 30001);
  EXPECT_EQ(port_for(record, 9000, 8888), 9000);
  EXPECT_EQ(port_for(record, 30001, 8888), 30001);
  SandboxRecord without = record;
  without.port = 0;
  EXPECT_EQ(port_for(without, 8888, 8888), 8888);
}

// The file cut at every byte: a whole result or an error that names a line, never a crash.
TEST(StaticFileTest, CutAtEveryByte) {
  const std::string text = "# c\nteam-a/box 10.0.0.5:8888\n\nx/y [2001:db8::1]:65535 # z\r\nbox 1.2.3.4:5\n";
  for (size_t end = 0; end <= text.size(); ++end) {
    const auto records = parse_static_sandboxes(std::string_view(text).substr(0, end), "f");
    if (records) {
      EXPECT_LE(records->size(), 3u);
    } else {
      EXPECT_EQ(records.error().message.rfind("f:", 0), 0u) << records.error().message;
    }
  }
}

}  // namespace
}  // namespace sandgate::sandbox
