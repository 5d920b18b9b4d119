#include "hz3/heap_layout.h"

#include <cstring>
#include <string>

#include "gtest/gtest.h"
#include "hz3/config/config.h"
#include "hz3/heap.h"

namespace hz3 {
namespace {

const HeapLayout& layout = hz3_heap_layout;

template <typename T>
T At(const void* object, uint32_t offset) {
  T value;
  memcpy(&value, static_cast<const char*>(object) + offset, sizeof(value));
  return value;
}

TEST(HeapLayout, SaysWhatItIs) {
  EXPECT_EQ(memcmp(layout.magic, HeapLayout::kMagic, sizeof(layout.magic)), 0);
  EXPECT_EQ(layout.version, HeapLayout::kVersion);
  EXPECT_EQ(layout.bytes, sizeof(HeapLayout));
  EXPECT_EQ(std::string(layout.lane), kLaneName);
}

TEST(HeapLayout, LeadsToTheTagAndTheRecordOfALiveBlock) {
  void* block = heap.AllocateClassSlow(ClassOf(64));
  ASSERT_NE(block, nullptr);
  const char* base = At<const char*>(layout.arena, layout.in_arena.base);
  const size_t page = static_cast<size_t>(static_cast<char*>(block) - base) >> layout.page_shift;
  const size_t slot = page >> (layout.segment_shift - layout.page_shift);
  const uint8_t tag = At<const uint8_t*>(layout.arena, layout.in_arena.tags)[page];
  EXPECT_EQ(At<uint32_t>(layout.classes.address, tag * layout.classes.stride), 64u);
  EXPECT_LT(slot, At<uint32_t>(layout.arena, layout.in_arena.used_slots));
  const char* segment =
      At<const char*>(layout.arena, layout.in_arena.segments) + slot * layout.in_segment.bytes;
  EXPECT_EQ(At<uint8_t>(segment, layout.in_segment.use), 1);
  const size_t bit = page % 512;
  EXPECT_EQ(At<uint64_t>(segment, layout.in_segment.free + static_cast<uint32_t>(bit / 64 * 8)) >>
                    (bit % 64) &
                1,
            0u);
  heap.FreeSlow(block);
}

TEST(HeapLayout, CountsWhatTheStatisticsCount) {
  const Stats stats = heap.GetStats();
  EXPECT_EQ(At<uint32_t>(layout.threads, 0), stats.threads);
  EXPECT_EQ(At<uint32_t>(layout.shard_table, layout.shards_count), stats.shards);
  EXPECT_EQ(At<size_t>(layout.arena, layout.in_arena.committed) << layout.page_shift,
            stats.committed_bytes);
  uint64_t refills = 0;
  const char* shards = At<const char*>(layout.shard_table, layout.shards_pointer);
  for (size_t i = 0; i < stats.shards; ++i) {
    refills += At<uint64_t>(shards + i * layout.in_shard.bytes, layout.in_shard.counters);
  }
  EXPECT_EQ(refills, stats.refills);
}

}  // namespace
}  // namespace hz3
