#include "devcluster/store.h"

#include <gtest/gtest.h>

#include "devcluster/test_support.h"

namespace sandgate::devcluster {
namespace {

const auto kAll = [](const Stored&) { return true; };

std::string names(const Store::Page& page) {
  std::string text;
  for (const ObjectPtr& object : page.objects) text += object->name + " ";
  return text;
}

TEST(Store, OneCounterOverAllKinds) {
  World world;
  const uint64_t before = world.store.revision();
  const auto one = world.add_template("one");
  const auto map =
      world.objects.create(*world.types.by_plural("", "configmaps"), "default", {{"metadata", {{"name", "m"}}}});
  EXPECT_EQ(before + 1, one->revision);
  EXPECT_EQ(before + 2, (*map)->revision);
  EXPECT_EQ(std::to_string(before + 1), text_at(one->json(), {"metadata", "resourceVersion"}));
}

TEST(Store, PagesShowTheStateOfTheirRevision) {
  World world;
  for (const char* name : {"a", "b", "c", "d"}) world.add_template(name);
  const uint64_t then = world.store.revision();
  const auto& type = world.types.sandbox_template();
  ASSERT_TRUE(world.objects.remove(type, "default", "b", {}));
  world.add_template("bb");
  ASSERT_TRUE(world.objects.patch(type, "default", "c", PatchKind::kMerge, {{"metadata", {{"labels", {{"new", "1"}}}}}},
                                  Part::kMain, "v1beta1"));
  const auto first = world.store.page(type, "", then, "", 3, kAll);
  ASSERT_TRUE(first);
  EXPECT_EQ("a b c ", names(*first));
  EXPECT_TRUE(first->objects[2]->labels.empty());
  EXPECT_EQ("default/d", first->next_key);
  EXPECT_EQ("d ", names(*world.store.page(type, "", then, first->next_key, 3, kAll)));
  EXPECT_EQ("a bb c d ", names(*world.store.page(type, "", world.store.revision(), "", 0, kAll)));
}

TEST(Store, APageMayBeginBetweenObjects) {
  World world;
  for (const char* name : {"a", "c"}) world.add_template(name);
  EXPECT_EQ("c ", names(*world.store.page(world.types.sandbox_template(), "default", world.store.revision(),
                                          "default/b", 0, kAll)));
  EXPECT_EQ("", names(*world.store.page(world.types.sandbox_template(), "other", world.store.revision(), "", 0, kAll)));
}

TEST(Store, TheHistoryIsBoundedAndSaysSo) {
  World world(3);
  const auto& type = world.types.sandbox_template();
  const uint64_t begin = world.store.revision();
  for (const char* name : {"a", "b", "c"}) world.add_template(name);
  const auto position = world.store.position_after(type, begin);
  ASSERT_TRUE(position);
  world.add_template("d");
  EXPECT_FALSE(world.store.position_after(type, begin));
  EXPECT_FALSE(world.store.page(type, "", begin, "", 0, kAll));
  EXPECT_TRUE(world.store.position_after(type, begin + 1));
  bool gone = false;
  EXPECT_EQ(nullptr, world.store.event_at(type, *position, gone));
  EXPECT_TRUE(gone);
  EXPECT_EQ("b", world.store.event_at(type, *position + 1, gone)->object->name);
  EXPECT_FALSE(gone);
  EXPECT_EQ(nullptr, world.store.event_at(type, world.store.end_position(type), gone));
  EXPECT_FALSE(gone);
}

TEST(Store, CompactingForgetsEverything) {
  World world;
  const uint64_t before = world.store.revision();
  world.add_template("a");
  world.store.compact();
  EXPECT_FALSE(world.store.position_after(world.types.sandbox_template(), before));
  EXPECT_TRUE(world.store.position_after(world.types.sandbox_template(), world.store.revision()));
}

TEST(Store, OwnersAreFound) {
  World world;
  const auto owner = world.add_template("owner");
  Json dependent = object("dependent");
  dependent["metadata"]["ownerReferences"] =
      Json::array({owner_reference(world.types.sandbox_template(), owner->json())});
  ASSERT_TRUE(world.objects.create(*world.types.by_plural("", "configmaps"), "default", dependent));
  ASSERT_EQ(1u, world.store.owned_by(owner->uid).size());
  EXPECT_EQ("dependent", world.store.owned_by(owner->uid)[0].second->name);
  EXPECT_TRUE(world.store.exists_uid(owner->uid));
  ASSERT_TRUE(world.objects.remove(world.types.sandbox_template(), "default", "owner", {}));
  EXPECT_FALSE(world.store.exists_uid(owner->uid));
  EXPECT_EQ(1u, world.store.owned_by(owner->uid).size());
}

TEST(Store, AMirrorTakesOnlyNews) {
  World world;
  const auto& type = world.types.pod();
  const auto state = [](const char* revision, const char* uid) {
    return make_stored(
        {{"metadata", {{"name", "p"}, {"namespace", "n"}, {"uid", uid}, {"resourceVersion", revision}}}});
  };
  world.store.mirror(type, state("7", "u1"));
  world.store.mirror(type, state("5", "u1"));
  EXPECT_EQ(7u, world.store.find(type, "n", "p")->revision);
  world.store.mirror(type, state("9", "u1"));
  EXPECT_EQ(9u, world.store.find(type, "n", "p")->revision);
  world.store.mirror_removal(type, "n", "p", "another");
  EXPECT_NE(nullptr, world.store.find(type, "n", "p"));
  world.store.mirror_removal(type, "n", "p", "u1");
  EXPECT_EQ(nullptr, world.store.find(type, "n", "p"));
  EXPECT_FALSE(world.store.exists_uid("u1"));
}

}  // namespace
}  // namespace sandgate::devcluster
