#include "devcluster/strategic_patch.h"

#include <gtest/gtest.h>

namespace sandgate::devcluster {
namespace {

Json patched(const char* current, const char* patch) {
  return strategic_patch(Json::parse(current), Json::parse(patch));
}

TEST(StrategicPatch, ListsWithAKeyAreMergedOthersReplaced) {
  EXPECT_EQ(Json::parse(R"({"containers":[{"name":"a","image":"new","ports":[{"containerPort":1}],"args":["y"]},
                                          {"name":"b"},{"name":"c"}],"kept":1})"),
            patched(R"({"containers":[{"name":"a","image":"old","ports":[{"containerPort":1}],"args":["x","z"]},
                                      {"name":"b"}],"kept":1})",
                    R"({"containers":[{"name":"a","image":"new","args":["y"]},{"name":"c"}]})"));
  EXPECT_EQ(
      Json::parse(R"({"ports":[{"port":80,"targetPort":2},{"port":81}]})"),
      patched(R"({"ports":[{"port":80,"targetPort":1}]})", R"({"ports":[{"port":80,"targetPort":2},{"port":81}]})"));
  EXPECT_EQ(Json::parse(R"({"finalizers":["a","b"]})"),
            patched(R"({"finalizers":["a"]})", R"({"finalizers":["b","a"]})"));
  EXPECT_EQ(Json::parse(R"({"volumes":[{"name":"v"}]})"), patched(R"({})", R"({"volumes":[{"name":"v"}]})"));
}

TEST(StrategicPatch, Directives) {
  EXPECT_EQ(Json::parse(R"({"env":[{"name":"b"}]})"),
            patched(R"({"env":[{"name":"a"},{"name":"b"}]})", R"({"env":[{"name":"a","$patch":"delete"}]})"));
  EXPECT_EQ(Json::parse(R"({"env":[{"name":"c"}]})"),
            patched(R"({"env":[{"name":"a"}]})", R"({"env":[{"$patch":"replace"},{"name":"c"}]})"));
  EXPECT_EQ(Json::parse(R"({"selector":{"b":"2"}})"),
            patched(R"({"selector":{"a":"1"}})", R"({"selector":{"$patch":"replace","b":"2"}})"));
  EXPECT_EQ(Json::parse(R"({})"), patched(R"({"selector":{"a":"1"}})", R"({"selector":{"$patch":"delete"}})"));
  EXPECT_EQ(Json::parse(R"({"strategy":{"type":"Recreate"}})"),
            patched(R"({"strategy":{"type":"RollingUpdate","rollingUpdate":{}}})",
                    R"({"strategy":{"$retainKeys":["type"],"type":"Recreate"}})"));
  EXPECT_EQ(Json::parse(R"({"env":[{"name":"b","value":"2"},{"name":"x"},{"name":"a"}]})"),
            patched(R"({"env":[{"name":"a"},{"name":"x"},{"name":"b"}]})",
                    R"({"$setElementOrder/env":[{"name":"b"},{"name":"a"}],"env":[{"name":"b","value":"2"}]})"));
  EXPECT_EQ(Json::parse(R"({"finalizers":["b"]})"),
            patched(R"({"finalizers":["a","b"]})", R"({"$deleteFromPrimitiveList/finalizers":["a"]})"));
  EXPECT_EQ(Json::parse(R"({"a":1})"), patched(R"({"a":1,"b":{"c":2}})", R"({"b":null})"));
}

TEST(StrategicPatch, OddShapesDoNoHarm) {
  EXPECT_EQ(Json::parse(R"({"env":[{"name":"a"}]})"), patched(R"({"env":"text"})", R"({"env":[{"name":"a"}]})"));
  EXPECT_EQ(Json::parse(R"({"env":["x",{"name":"a"}]})"), patched(R"({"env":["x"]})", R"({"env":[{"name":"a"}]})"));
  EXPECT_EQ(Json::parse(R"({"env":{"a":1}})"), patched(R"({"env":[1]})", R"({"env":{"a":1}})"));
  EXPECT_EQ(Json::parse(R"({"env":[{"name":"a"}]})"),
            patched(R"({"env":[{"name":"a"}]})", R"({"$setElementOrder/env":[{"name":"a"},{"name":"a"},7]})"));
  EXPECT_EQ(Json::parse(R"({"list":[1]})"), patched(R"({"list":[1,2]})", R"({"$deleteFromPrimitiveList/list":[2]})"));
}

}  // namespace
}  // namespace sandgate::devcluster
