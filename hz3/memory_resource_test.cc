#include "hz3/memory_resource.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <memory_resource>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

void UseContainers(std::pmr::memory_resource* resource) {
  std::pmr::map<int, std::pmr::string> map(resource);
  for (unsigned i = 0; i < 3000; ++i) {
    map[static_cast<int>(i * 7919 % 3001)] = std::string(1 + i % 500, 'x');
  }
  std::pmr::vector<double> numbers(resource);
  for (int i = 0; i < 100'000; ++i) numbers.push_back(i);
  for (int i = 0; i < 3000; i += 2) map.erase(i);
  for (const auto& [key, text] : map) ASSERT_EQ(text.find_first_not_of('x'), std::string::npos);
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(numbers[static_cast<std::size_t>(i)], i);
}

TEST(ProcessResource, ServesContainers) { UseContainers(ProcessResource()); }

TEST(ProcessResource, KeepsEveryAlignment) {
  for (std::size_t align = 1; align <= 2 * kMiB; align *= 2) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, align, std::size_t{5000}}) {
      void* p = ProcessResource()->allocate(bytes, align);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u) << align;
      memset(p, 1, bytes);
      ProcessResource()->deallocate(p, bytes, align);
    }
  }
}

TEST(ProcessResource, EqualsOthersOfItsKindOnly) {
  ProcessMemoryResource another;
  HeapResource heap;
  EXPECT_TRUE(ProcessResource()->is_equal(another));
  EXPECT_FALSE(ProcessResource()->is_equal(heap));
  EXPECT_FALSE(ProcessResource()->is_equal(*std::pmr::null_memory_resource()));
}

TEST(HeapResource, ServesContainers) {
  HeapResource heap;
  UseContainers(&heap);
}

TEST(HeapResource, KeepsEveryAlignment) {
  HeapResource heap;
  for (std::size_t align = 1; align <= 4 * kMiB; align *= 2) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, align, std::size_t{5000}}) {
      void* p = heap.allocate(bytes, align);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u) << align;
      memset(p, 1, bytes);
      if (bytes % 2 == 1) heap.deallocate(p, bytes, align);
    }
  }
}

TEST(HeapResource, EqualsItselfOnly) {
  HeapResource one, two;
  EXPECT_TRUE(one.is_equal(one));
  EXPECT_FALSE(one.is_equal(two));
}

TEST(HeapResource, WhatLivesInItIsGoneWithItAndAfterARelease) {
  hz3_purge();
  const std::size_t before = hz3_committed_bytes();
  {
    HeapResource heap;
    for (int i = 0; i < 10'000; ++i) memset(heap.allocate(1000), 1, 1000);
    EXPECT_GE(hz3_committed_bytes(), before + 9 * kMiB);
    heap.release();
    hz3_purge();
    EXPECT_LE(hz3_committed_bytes(), before + kMiB);
    for (int i = 0; i < 10'000; ++i) memset(heap.allocate(1000), 1, 1000);
  }
  hz3_purge();
  EXPECT_LE(hz3_committed_bytes(), before + kMiB);
}

TEST(HeapResource, ThrowsBadAllocWhereThereIsNoMemory) {
  HeapResource heap;
  EXPECT_THROW(static_cast<void>(heap.allocate(std::size_t{1} << 60)), std::bad_alloc);
  ASSERT_EQ(hz3_set_limit(hz3_committed_bytes() + kMiB), 0);
  const auto exhaust = [&] {
    while (true) memset(heap.allocate(100), 1, 100);
  };
  EXPECT_THROW(exhaust(), std::bad_alloc);
  hz3_set_limit(SIZE_MAX);
  EXPECT_NE(heap.allocate(100), nullptr);
}

TEST(HeapResource, SeveralThreadsMayShareOne) {
  HeapResource heap;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { UseContainers(&heap); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace hz3
