#include "hz3/observe/call_sites.h"

#include <cstdlib>
#include <initializer_list>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

// As fresh memory of the system.
struct Zeroed {
  Zeroed() : sites(static_cast<CallSites*>(calloc(1, sizeof(CallSites)))) {}
  ~Zeroed() { free(sites); }
  CallSites* const sites;
};

CallStack StackOf(std::initializer_list<uintptr_t> frames) {
  CallStack stack;
  for (const uintptr_t frame : frames) stack.frames[stack.count++] = frame;
  return stack;
}

class CallSitesTest : public ::testing::Test {
 protected:
  Zeroed zeroed_;
  CallSites& sites_ = *zeroed_.sites;
};

TEST_F(CallSitesTest, TheSameStackHasOneNumberAndItsFrames) {
  const uint32_t a = sites_.Intern(this, StackOf({10, 20, 30}));
  const uint32_t b = sites_.Intern(this, StackOf({10, 20}));
  EXPECT_NE(a, b);
  EXPECT_EQ(sites_.Intern(this, StackOf({10, 20, 30})), a);
  EXPECT_EQ(sites_.count(), 3u);
  const CallSites::Site& site = sites_.site(a);
  ASSERT_EQ(site.frames, 3u);
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(sites_.Address(sites_.AddressOfFrame(site, i)), 10u * (i + 1));
  }
  EXPECT_EQ(sites_.address_count(), 3u) << "addresses are stored once";
}

TEST_F(CallSitesTest, TheOrderOfFramesMatters) {
  EXPECT_NE(sites_.Intern(this, StackOf({10, 20})), sites_.Intern(this, StackOf({20, 10})));
}

TEST_F(CallSitesTest, AStackIsFoundAgainByWhatLiesOnIt) {
  uintptr_t words[8] = {0, 10, 0, 0, 20, 0, 0, 30};
  CallStack stack = StackOf({10, 20, 30});
  stack.has_offsets = true;
  stack.offsets[0] = 1;
  stack.offsets[1] = 4;
  stack.offsets[2] = 7;
  EXPECT_EQ(sites_.Lookup(words), CallSites::kUnknown);
  const uint32_t site = sites_.Intern(words, stack);
  EXPECT_EQ(sites_.Lookup(words), site);
  EXPECT_EQ(sites_.Lookup(words + 1), CallSites::kUnknown);
  words[4] = 21;
  EXPECT_EQ(sites_.Lookup(words), CallSites::kUnknown);
}

TEST_F(CallSitesTest, StacksBeyondTheMostBelongToOneSiteWithoutFrames) {
  for (uintptr_t i = 1; i < CallSites::kMaxSites; ++i) {
    ASSERT_NE(sites_.Intern(this, StackOf({i % 100, 1000 + i})), CallSites::kOther) << i;
  }
  EXPECT_EQ(sites_.overflows(), 0u);
  EXPECT_EQ(sites_.Intern(this, StackOf({7, 8, 9})), CallSites::kOther);
  EXPECT_EQ(sites_.site(CallSites::kOther).frames, 0u);
  EXPECT_EQ(sites_.overflows(), 1u);
  EXPECT_EQ(sites_.count(), CallSites::kMaxSites);
  EXPECT_NE(sites_.Intern(this, StackOf({5, 1005})), CallSites::kOther) << "known ones are found";
}

TEST_F(CallSitesTest, AddressesBeyondTheMostAreNotStored) {
  CallStack stack;
  stack.count = CallStack::kMaxFrames;
  uintptr_t next = 1;
  uint32_t last = 1;
  while (last != CallSites::kOther) {
    for (uintptr_t& frame : stack.frames) frame = next++;
    last = sites_.Intern(this, stack);
  }
  EXPECT_LE(sites_.address_count(), CallSites::kMaxAddresses);
  EXPECT_GT(next, CallSites::kMaxAddresses);
}

TEST_F(CallSitesTest, ClearedFiguresAreZeroAndTheNumbersStay) {
  const uint32_t a = sites_.Intern(this, StackOf({10, 20, 30}));
  sites_.site(a).live.Add(1, 2);
  sites_.ClearFigures();
  EXPECT_EQ(sites_.site(a).live.bytes, 0);
  EXPECT_EQ(sites_.Intern(this, StackOf({10, 20, 30})), a);
}

}  // namespace
}  // namespace hz3
