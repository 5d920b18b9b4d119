#include "hz3/policy/pressure_callback.h"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/objects/span.h"

namespace hz3 {
namespace {

int block;  // what a retry finds

class PressureCallbackTest : public ::testing::Test {
 protected:
  PressureCallbackTest() {
    EXPECT_TRUE(arena_.Init(os_, size_t{8} << 20, false, sizeof(Span)));
    EXPECT_TRUE(shards_.Init(arena_, 2));
    callback_.Init(shards_);
  }
  ~PressureCallbackTest() override { arena_.Destroy(); }

  void Release() { shards_[1].NotePost(); }
  // Sets a function that says what `answer` returns.
  void Answer(std::function<int(size_t)> answer) {
    answer_ = std::move(answer);
    callback_.Set(
        [](size_t bytes, void* test) {
          return static_cast<PressureCallbackTest*>(test)->answer_(bytes);
        },
        this);
  }
  // A failed allocation that a retry serves or does not.
  void* Fail(bool retry_helps = false, size_t bytes = 100) {
    return callback_.AskAndRetry(bytes, [&]() -> void* {
      ++retries_;
      return retry_helps ? &block : nullptr;
    });
  }

  FakeOsMemory os_;
  Arena arena_;
  ShardTable shards_;
  PressureCallback callback_;
  std::function<int(size_t)> answer_;
  int retries_ = 0;
};

TEST_F(PressureCallbackTest, WithoutOneThereIsNoRetry) {
  EXPECT_EQ(Fail(true), nullptr);
  EXPECT_EQ(retries_, 0);
  Answer([](size_t) { return 1; });
  callback_.Set(nullptr, nullptr);
  EXPECT_EQ(Fail(true), nullptr);
  EXPECT_EQ(retries_, 0);
  EXPECT_EQ(callback_.calls(), 0u);
}

TEST_F(PressureCallbackTest, IsToldTheSizeAndANonZeroAnswerIsWorthOneRetry) {
  std::vector<size_t> asked;
  Answer([&](size_t bytes) {
    asked.push_back(bytes);
    return -7;
  });
  EXPECT_EQ(Fail(true, 4711), &block);
  EXPECT_EQ(asked, std::vector<size_t>{4711});
  EXPECT_EQ(retries_, 1);
  EXPECT_EQ(Fail(false, 4711), nullptr);
  EXPECT_EQ(retries_, 2);
}

TEST_F(PressureCallbackTest, ZeroMeansNoRetryAndNoSecondCallUntilSomethingIsReleased) {
  Answer([](size_t) { return 0; });
  EXPECT_EQ(Fail(true), nullptr);
  EXPECT_EQ(Fail(true), nullptr);
  EXPECT_EQ(retries_, 0);
  EXPECT_EQ(callback_.calls(), 1u);
  Release();
  EXPECT_EQ(Fail(true), nullptr);
  EXPECT_EQ(callback_.calls(), 2u);
}

// What it released although it says that it did not is no reason to ask again.
TEST_F(PressureCallbackTest, ZeroIsBelieved) {
  Answer([&](size_t) {
    Release();
    return 0;
  });
  Fail();
  Fail();
  EXPECT_EQ(callback_.calls(), 1u);
}

TEST_F(PressureCallbackTest, OneThatSaysItReleasedButDidNotIsNotAskedAgainEither) {
  Answer([](size_t) { return 1; });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Fail(), nullptr);
  EXPECT_EQ(callback_.calls(), 1u);
  EXPECT_EQ(retries_, 1);
  Release();
  Fail();
  EXPECT_EQ(callback_.calls(), 2u);
}

// Others may take what it releases before the one that asked gets to it.
TEST_F(PressureCallbackTest, OneThatReleasesALittleEachTimeIsAskedEightTimes) {
  Answer([&](size_t) {
    Release();
    return 1;
  });
  for (unsigned i = 1; i <= 5; ++i) {
    EXPECT_EQ(Fail(), nullptr);
    EXPECT_EQ(callback_.calls(), i * 8);
    EXPECT_EQ(retries_, static_cast<int>(i * 8));
  }
}

TEST_F(PressureCallbackTest, ANewOneIsAskedAlthoughTheOldOneHadNothing) {
  Answer([](size_t) { return 0; });
  Fail();
  Answer([](size_t) { return 1; });
  EXPECT_EQ(Fail(true), &block);
}

TEST_F(PressureCallbackTest, AFailureInsideItIsJustAFailure) {
  Answer([&](size_t) {
    EXPECT_EQ(Fail(true), nullptr);
    return 1;
  });
  EXPECT_EQ(Fail(true), &block);
  EXPECT_EQ(callback_.calls(), 1u);
  EXPECT_EQ(retries_, 1);
  Release();
  EXPECT_EQ(Fail(true), &block) << "and afterwards it is asked again";
}

TEST_F(PressureCallbackTest, ItMaySetAnotherOneFromInside) {
  Answer([&](size_t) {
    callback_.Set([](size_t, void*) { return 2; }, nullptr);
    return 1;
  });
  EXPECT_EQ(Fail(true), &block);
  EXPECT_EQ(Fail(true), &block);
  EXPECT_EQ(callback_.calls(), 2u);
}

// A thread that blocks in it holds up nobody.
TEST_F(PressureCallbackTest, TwoThreadsMayBeInItAtOnce) {
  std::atomic<int> in_it{0};
  Answer([&](size_t) {
    ++in_it;
    while (in_it < 2) std::this_thread::yield();
    return 0;
  });
  std::thread other([&] { callback_.AskAndRetry(1, []() -> void* { return nullptr; }); });
  callback_.AskAndRetry(1, []() -> void* { return nullptr; });
  other.join();
  EXPECT_EQ(in_it, 2);
}

TEST_F(PressureCallbackTest, TheFunctionAlwaysGetsItsOwnArgument) {
  struct Pair {
    static int Even(size_t, void* arg) { return Check(arg, 0); }
    static int Odd(size_t, void* arg) { return Check(arg, 1); }
    static int Check(void* arg, int wanted) {
      if (*static_cast<int*>(arg) != wanted) ++wrong();
      return 1;
    }
    static std::atomic<int>& wrong() {
      static std::atomic<int> count{0};
      return count;
    }
  };
  int even = 0;
  int odd = 1;
  std::atomic<bool> stop{false};
  std::thread setter([&] {
    for (int i = 0; i < 100000; ++i) {
      callback_.Set(Pair::Even, &even);
      callback_.Set(Pair::Odd, &odd);
    }
    stop = true;
  });
  while (!stop) callback_.AskAndRetry(1, []() -> void* { return &block; });
  setter.join();
  EXPECT_EQ(Pair::wrong(), 0);
}

}  // namespace
}  // namespace hz3
