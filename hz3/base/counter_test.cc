#include "hz3/base/counter.h"

#include <thread>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(Counter, AddsAndSubtracts) {
  Counter counter;
  EXPECT_EQ(counter.Get(), 0u);
  counter.Add(7);
  counter.Add(5);
  counter.Subtract(3);
  EXPECT_EQ(counter.Get(), 9u);
  counter.Subtract(9);
  EXPECT_EQ(counter.Get(), 0u);
  counter.Subtract(0);
  EXPECT_EQ(counter.Get(), 0u);
}

TEST(Counter, NeverGoesBackForAReaderWhileItsWriterAdds) {
  constexpr uint64_t kSteps = 1000000;
  Counter counter;
  std::thread writer([&] {
    for (uint64_t i = 0; i < kSteps; ++i) counter.Add(1);
  });
  uint64_t before = 0;
  while (before < kSteps) {
    const uint64_t now = counter.Get();
    ASSERT_GE(now, before);
    before = now;
  }
  writer.join();
  EXPECT_EQ(counter.Get(), kSteps);
}

}  // namespace
}  // namespace hz3
