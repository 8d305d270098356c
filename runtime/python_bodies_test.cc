#include "runtime/python_bodies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sandgate::runtime::python {
namespace {

using testing::HasSubstr;

std::string wrong(std::string_view body, bool json_type = true) {
  const auto request = read_execute_request(body, json_type);
  return request ? "accepted" : request.error();
}

TEST(PythonBodies, AnswersHaveTheContractsShapeAndOrder) {
  EXPECT_EQ(health_body(), R"({"status":"ok","message":"Sandbox Runtime is active."})");
  EXPECT_EQ(message_body("Access denied"), R"({"message":"Access denied"})");
  EXPECT_EQ(detail_body("Not Found"), R"({"detail":"Not Found"})");
  EXPECT_EQ(exists_body("a \"b\"", true), R"({"path":"a \"b\"","exists":true})");
  EXPECT_EQ(list_body({}), "[]");
  EXPECT_EQ(list_body({{"a", 3, false, 1.5}, {"d", 4096, true, 1700000000}}),
            R"([{"name":"a","size":3,"type":"file","mod_time":1.5},)"
            R"({"name":"d","size":4096,"type":"directory","mod_time":1700000000.0}])");
  EXPECT_EQ(execution_body({"o\n", "e", -9, false}), R"({"stdout":"o\n","stderr":"e","exit_code":-9})");
  EXPECT_EQ(execution_body({"", "e", 1, true}), R"({"stdout":"","stderr":"e","exit_code":1,"timed_out":true})");
}

TEST(PythonBodies, TextStaysAsItIsButForBrokenUtf8) {
  EXPECT_EQ(message_body("\xc3\xa9\xe2\x82\xac"), "{\"message\":\"\xc3\xa9\xe2\x82\xac\"}");
  EXPECT_EQ(exists_body("a\xff", false), "{\"path\":\"a\xef\xbf\xbd\",\"exists\":false}");
}

TEST(ExecuteRequest, IsRead) {
  const auto plain = read_execute_request(R"({"command":"ls -l","other":[1,{}]})", true);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->command, "ls -l");
  EXPECT_EQ(plain->timeout_seconds, std::nullopt);
  EXPECT_EQ(read_execute_request(R"({"command":"x","timeout_seconds":2.5})", true)->timeout_seconds, 2.5);
  EXPECT_EQ(read_execute_request(R"({"command":"x","timeout_seconds":3})", true)->timeout_seconds, 3.0);
  EXPECT_EQ(read_execute_request(R"({"command":"x","timeout_seconds":"4.5"})", true)->timeout_seconds, 4.5);
  EXPECT_EQ(read_execute_request(R"({"command":"x","timeout_seconds":null})", true)->timeout_seconds, std::nullopt);
  EXPECT_EQ(read_execute_request(R"({"command":""})", true)->command, "") << "refused later, as a failed run";
}

TEST(ExecuteRequest, ProblemsAreListedInTheFrameworksWords) {
  EXPECT_EQ(wrong(""), R"({"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]})");
  EXPECT_EQ(wrong("{}"),
            R"({"detail":[{"type":"missing","loc":["body","command"],"msg":"Field required","input":{}}]})");
  EXPECT_EQ(wrong(R"({"command":5})"), R"({"detail":[{"type":"string_type","loc":["body","command"],)"
                                       R"("msg":"Input should be a valid string","input":5}]})");
  EXPECT_EQ(wrong("[1]"),
            R"({"detail":[{"type":"model_attributes_type","loc":["body"],)"
            R"("msg":"Input should be a valid dictionary or object to extract fields from","input":[1]}]})");
  EXPECT_EQ(wrong(R"({"command":"ls"})", false),
            R"({"detail":[{"type":"model_attributes_type","loc":["body"],)"
            R"("msg":"Input should be a valid dictionary or object to extract fields from",)"
            R"("input":"{\"command\":\"ls\"}"}]})");
  EXPECT_EQ(wrong("{\"command\""), R"({"detail":[{"type":"json_invalid","loc":["body",10],"msg":"JSON decode error",)"
                                   R"("input":{},"ctx":{"error":"the body is not valid JSON"}}]})");
  EXPECT_EQ(wrong(R"({"timeout_seconds":0})"),
            R"({"detail":[{"type":"missing","loc":["body","command"],"msg":"Field required",)"
            R"("input":{"timeout_seconds":0}},{"type":"greater_than","loc":["body","timeout_seconds"],)"
            R"("msg":"Input should be greater than 0","input":0,"ctx":{"gt":0}}]})");
}

TEST(ExecuteRequest, RefusesTimeoutsThatAreNone) {
  struct {
    const char *value, *type;
  } const cases[] = {{"-1", "greater_than"},       {"\"soon\"", "float_parsing"}, {"\"1 \"", "float_parsing"},
                     {"\"inf\"", "finite_number"}, {"true", "float_type"},        {"[]", "float_type"}};
  for (const auto& c : cases) {
    EXPECT_THAT(wrong(std::string(R"({"command":"x","timeout_seconds":)") + c.value + "}"), HasSubstr(c.type))
        << c.value;
  }
}

TEST(ExecuteRequest, SurvivesHostileJson) {
  EXPECT_THAT(wrong("\xff\xfe"), HasSubstr("json_invalid"));
  EXPECT_THAT(wrong("{\"command\":\"\xff\"}"), HasSubstr("json_invalid"));
  EXPECT_THAT(wrong("{\"command\":1e999}"), HasSubstr("json_invalid"));
  EXPECT_THAT(wrong("\xff", false), HasSubstr("\xef\xbf\xbd")) << "an echo is made printable";
  const std::string deep = std::string(500'000, '[') + std::string(500'000, ']');
  EXPECT_THAT(wrong(deep), HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(wrong(R"({"command":"[[\"[","x":)" + std::string(62, '[') + std::string(62, ']') + "}"), "accepted");
}

TEST(IsJsonType, TakesJsonAndItsKin) {
  for (const char* type :
       {"application/json", "Application/JSON; charset=utf-8", "application/ld+json", " application/json "}) {
    EXPECT_TRUE(is_json_type(type)) << type;
  }
  for (const char* type :
       {"", "text/plain", "text/json", "application/jsonx", "application/+json", "application/x-www-form-urlencoded"}) {
    EXPECT_FALSE(is_json_type(type)) << type;
  }
}

}  // namespace
}  // namespace sandgate::runtime::python
