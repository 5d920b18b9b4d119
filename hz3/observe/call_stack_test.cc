#include "hz3/observe/call_stack.h"

#include <cstdio>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

struct Seen {
  CallStack stack;
  bool same = false;  // as the one asked about
};

// The frame that is asked about: one function, so that calls from different places differ only
// above it.
__attribute__((noinline)) void Look(const CallStack* known, Seen* seen) {
  const void* const base = __builtin_frame_address(0);
  if (known != nullptr && known->has_offsets) {
    const auto* words = static_cast<const uintptr_t*>(base);
    seen->same = true;
    for (unsigned i = 0; i < known->count && seen->same; ++i) {
      seen->same = words[known->offsets[i]] == known->frames[i];
    }
  }
  seen->stack.Collect(base);
  asm volatile("" : : "r"(seen) : "memory");
}

__attribute__((noinline)) void Deeper(int depth, const CallStack* known, Seen* seen) {
  if (depth == 0) {
    Look(known, seen);
  } else {
    Deeper(depth - 1, known, seen);
  }
  asm volatile("" : : : "memory");
}

#if defined(__x86_64__) && defined(__GLIBC__)
__attribute__((noinline)) void ByAnotherWay(const CallStack* known, Seen* seen) {
  Deeper(3, known, seen);
  asm volatile("" : : : "memory");
}

TEST(CallStackTest, TheSamePlaceIsRecognisedAndAnotherIsNot) {
  Seen first;
  Deeper(5, nullptr, &first);
  ASSERT_TRUE(first.stack.has_offsets);
  for (int depth = 0; depth < 10; ++depth) {
    Seen again;
    for (int round = 0; round < 2; ++round) {
      Deeper(depth, &first.stack, &again);
      EXPECT_FALSE(again.same) << "called from another place than the first one";
    }
  }
  CallStack known;
  for (int round = 0; round < 3; ++round) {
    for (const bool direct : {true, false}) {
      Seen seen;
      if (direct) {
        Deeper(4, &known, &seen);
      } else {
        ByAnotherWay(&known, &seen);
      }
      // `known` is from the other way, one call less or more.
      EXPECT_FALSE(seen.same);
      known = seen.stack;
    }
  }
  known = CallStack();
  for (int round = 0; round < 3; ++round) {
    Seen seen;
    Deeper(4, &known, &seen);
    EXPECT_EQ(seen.same, round > 0);
    known = seen.stack;
  }
}
#endif

TEST(CallStackTest, FramesAreTheCallersInnermostFirst) {
  Seen shallow, deep;
  Deeper(0, nullptr, &shallow);
  Deeper(6, nullptr, &deep);
#if defined(__GLIBC__)
  EXPECT_EQ(deep.stack.count, shallow.stack.count + 6);
  for (unsigned i = 1; i < 6; ++i) EXPECT_EQ(deep.stack.frames[1], deep.stack.frames[i]);
#endif
  EXPECT_GT(shallow.stack.count, 0u);
}

TEST(CallStackTest, AStackThatIsDeeperThanTheMostFramesIsCutOff) {
  Seen seen;
  Deeper(200, nullptr, &seen);
#if defined(__GLIBC__)
  EXPECT_EQ(seen.stack.count, CallStack::kMaxFrames);
#endif
}

}  // namespace
}  // namespace hz3
