#include "bench/lib/live_meter.h"

#include <chrono>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(LiveMeter, AddsUpThreadsThatFreeWhatOthersAllocated) {
  LiveMeter meter(3);
  meter.Publish(0, 1000);
  meter.Publish(1, -300);
  meter.Publish(2, 50);
  EXPECT_EQ(meter.Sum(), 750);
}

TEST(LiveMeter, KeepsTheGreatestSample) {
  LiveMeter meter(1);
  // A sample that was preempted does not count, so each is taken until it does.
  const auto sample = [&](int64_t live) {
    meter.Publish(0, live);
    for (int i = 0; i < 1000 && meter.peak() < live; ++i) EXPECT_EQ(meter.Sample(), live);
  };
  sample(10);
  sample(500);
  meter.Publish(0, 20);
  EXPECT_EQ(meter.Sample(), 20);
  EXPECT_EQ(meter.peak(), 500);
}

TEST(LiveMeter, TellsTheGreatestSampleSinceAnInstant) {
  LiveMeter meter(1);
  EXPECT_EQ(meter.GreatestSince(LiveMeter::Clock::now()), INT64_MIN);
  // A sample that was preempted does not count: the same again, for longer than two grains.
  const auto sample = [&](int64_t live) {
    meter.Publish(0, live);
    const auto begin = LiveMeter::Clock::now();
    while (LiveMeter::Clock::now() < begin + 3 * LiveMeter::kGrain) meter.Sample();
    std::this_thread::sleep_for(2 * LiveMeter::kGrain);
  };
  sample(900);
  const auto since = LiveMeter::Clock::now();
  sample(50);
  sample(500);
  sample(20);
  EXPECT_EQ(meter.GreatestSince(since), 500);
  sample(70);
  EXPECT_EQ(meter.GreatestSince(since), 500);
}

TEST(LiveMeter, IsExactWhenTheThreadsAreDone) {
  constexpr int64_t kSteps = 10'000;
  LiveMeter meter(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&meter, i] {
      for (int64_t step = 1; step <= kSteps; ++step) meter.Publish(i, step);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(meter.Sum(), 4 * kSteps);
}

}  // namespace
}  // namespace hz3::bench
