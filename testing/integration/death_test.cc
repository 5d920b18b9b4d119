// What hz3 says to a program that frees what it must not: one line on stderr that names the mistake
// and the address, then abort. What only the slow path can see is reported when the bin is flushed
// at the latest.

#include <malloc.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/subprocess.h"

namespace hz3::testlib {
namespace {

constexpr const char* kForeign = "never gave out";
constexpr const char* kInterior = "interior";
constexpr const char* kDouble = "double free";

// One size each of what hz3 keeps in spans, in page runs, and in segments of their own.
constexpr std::size_t kSmall = 64;
constexpr std::size_t kMedium = 20 * kKiB;
constexpr std::size_t kLarge = 3 * kMiB;

std::string Hex(const void* address) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%lx", reinterpret_cast<unsigned long>(address));
  return text;
}

void Free(void* block) { free(Opaque(block)); }

void FlushByTrim() { malloc_trim(0); }

// What a bin still holds is flushed when its thread ends.
void InThreadThatEnds(const std::function<void()>& body) { std::thread(body).join(); }

class Misuse : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!OnHz3()) GTEST_SKIP() << "this process does not run on hz3";
  }

  // Expects that `body`, run in a forked child, ends as described; `kinds` are the accepted names
  // of the mistake.
  static void ExpectReport(const std::function<void()>& body, const void* address,
                           const std::vector<std::string>& kinds) {
    const RunResult result = RunInChild(body);
    EXPECT_EQ(result.signal, SIGABRT) << result;
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << "not one line: " << result;
    EXPECT_TRUE(result.err.starts_with("hz3: ")) << result;
    EXPECT_TRUE(result.err.ends_with(Hex(address) + "\n")) << Hex(address) << " in " << result;
    bool named = false;
    for (const std::string& kind : kinds) named |= result.err.find(kind) != std::string::npos;
    EXPECT_TRUE(named) << "expected '" << kinds.front() << "' in " << result;
  }

  static void ExpectReportAfterEitherFlush(const std::function<void()>& body, const void* address,
                                           const std::vector<std::string>& kinds) {
    SCOPED_TRACE("flushed by malloc_trim");
    ExpectReport([&] { body(), FlushByTrim(); }, address, kinds);
    SCOPED_TRACE("flushed by the end of the thread");
    ExpectReport([&] { InThreadThatEnds(body); }, address, kinds);
  }
};

TEST_F(Misuse, FreeOfAStackAddressIsReportedAtOnce) {
  alignas(16) char local[64] = {};
  ExpectReport([&] { Free(local); }, local, {kForeign});
}

TEST_F(Misuse, FreeOfAStaticObjectIsReportedAtOnce) {
  alignas(4096) static char object[4096];
  ExpectReport([&] { Free(object); }, object, {kForeign});
}

TEST_F(Misuse, FreeOfANonCanonicalAddressIsReportedAtOnce) {
  void* wild = reinterpret_cast<void*>(std::uintptr_t{0xdeadbeefdeadbee0});
  ExpectReport([&] { Free(wild); }, wild, {kForeign});
  void* low = reinterpret_cast<void*>(std::uintptr_t{16});
  ExpectReport([&] { Free(low); }, low, {kForeign});
}

TEST_F(Misuse, FreeOfAnAddressThatNoBlockCoversIsReported) {
  void* block = malloc(Opaque(kLarge));
  void* far_above = static_cast<char*>(block) + (std::size_t{1} << 33);
  ExpectReportAfterEitherFlush([&] { Free(far_above); }, far_above, {kForeign});
  free(block);
}

TEST_F(Misuse, ReallocOfAStackAddressIsReportedAtOnce) {
  alignas(16) char local[64] = {};
  ExpectReport([&] { Opaque(realloc(Opaque(static_cast<void*>(local)), 100)); }, local, {kForeign});
}

TEST_F(Misuse, FreeOfAnInteriorPointerOfASmallBlockIsReported) {
  auto* block = static_cast<char*>(malloc(Opaque(kSmall)));
  for (const std::size_t offset : {8u, 16u, 33u}) {
    ExpectReportAfterEitherFlush([&] { Free(block + offset); }, block + offset, {kInterior});
  }
  free(block);
}

TEST_F(Misuse, FreeOfAnInteriorPointerOfAMediumBlockIsReported) {
  auto* block = static_cast<char*>(malloc(Opaque(kMedium)));
  for (const std::size_t offset : {16u, 64u, 4096u, 4112u, 8192u}) {
    SCOPED_TRACE(offset);
    ExpectReportAfterEitherFlush([&] { Free(block + offset); }, block + offset,
                                 {kInterior, kForeign});
  }
  free(block);
}

TEST_F(Misuse, FreeOfAnInteriorPointerOfALargeBlockIsReported) {
  auto* block = static_cast<char*>(malloc(Opaque(kLarge)));
  for (const std::size_t offset : {std::size_t{16}, 4 * kKiB, kMiB, 2 * kMiB, 2 * kMiB + 64}) {
    SCOPED_TRACE(offset);
    ExpectReportAfterEitherFlush([&] { Free(block + offset); }, block + offset,
                                 {kInterior, kForeign});
  }
  free(block);
}

TEST_F(Misuse, DoubleFreeThatReachesTheSlowPathIsReported) {
  for (const std::size_t size : {std::size_t{8}, kSmall, std::size_t{1000}, kMedium}) {
    SCOPED_TRACE(size);
    void* block = malloc(Opaque(size));
    ExpectReportAfterEitherFlush([&] { Free(block), Free(block); }, block, {kDouble});
    free(block);
  }
}

TEST_F(Misuse, DoubleFreeAfterAFlushIsReported) {
  for (const std::size_t size : {kSmall, kMedium}) {
    SCOPED_TRACE(size);
    void* block = malloc(Opaque(size));
    // Its pages may have been given back meanwhile: then nothing tells a block that was from one
    // that never was.
    const auto body = [&] { Free(block), FlushByTrim(), Free(block); };
    ExpectReportAfterEitherFlush(body, block, {kDouble, kForeign});
    free(block);
  }
}

TEST_F(Misuse, DoubleFreeOfALargeBlockIsReported) {
  void* block = malloc(Opaque(kLarge));
  ExpectReportAfterEitherFlush([&] { Free(block), Free(block); }, block, {kDouble, kForeign});
  free(block);
}

TEST_F(Misuse, DoubleFreeOfAnotherThreadsBlockIsReported) {
  for (const std::size_t size : {kSmall, kMedium}) {
    SCOPED_TRACE(size);
    void* block = nullptr;
    const auto body = [&] { Free(block), Free(block); };
    std::thread([&] { block = malloc(Opaque(size)); }).join();
    ExpectReportAfterEitherFlush(body, block, {kDouble});
    free(block);
  }
}

TEST_F(Misuse, DoubleFreeByTwoThreadsIsReported) {
  for (const std::size_t size : {kSmall, kMedium}) {
    SCOPED_TRACE(size);
    void* block = malloc(Opaque(size));
    // Neighbours stay live, so that the block's page does.
    void* neighbour = malloc(Opaque(size));
    const auto body = [&] {
      InThreadThatEnds([&] { Free(block); });
      InThreadThatEnds([&] { Free(block); });
      FlushByTrim();
    };
    ExpectReport(body, block, {kDouble, kForeign});
    free(block);
    free(neighbour);
  }
}

TEST_F(Misuse, CorrectProgramsAreNotAccused) {
  const RunResult result = RunInChild([] {
    for (const std::size_t size : {kSmall, kMedium, kLarge}) {
      void* block = malloc(Opaque(size));
      InThreadThatEnds([&] { Free(block); });
      Free(malloc(Opaque(size)));
      FlushByTrim();
    }
  });
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.err, "");
}

}  // namespace
}  // namespace hz3::testlib
