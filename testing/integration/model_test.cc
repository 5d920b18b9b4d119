// Random programs against a model of the heap: what is live is known, does not overlap, and keeps
// every byte. HZ3_TEST_SEED=N repeats a run.

#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/block.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/random.h"

namespace hz3::testlib {
namespace {

constexpr std::uint64_t kDefaultSeed = 20260101;
constexpr std::size_t kLargestSize = 300 * kKiB;
// Filling blocks is most of the time: longer ones are marked at both ends only.
constexpr std::size_t kMarkedBytes = 512;

std::uint64_t Seed() {
  const char* text = std::getenv("HZ3_TEST_SEED");
  return text == nullptr ? kDefaultSeed : std::strtoull(text, nullptr, 0);
}

struct Block {
  char* data = nullptr;
  std::size_t size = 0;
  std::uint64_t key = 0;
};

std::size_t MarkBytes(const Block& block) { return std::min(block.size, kMarkedBytes); }

void Mark(const Block& block) {
  const std::size_t mark = MarkBytes(block);
  FillPattern(block.data, mark, block.key);
  FillPattern(block.data + block.size - mark, mark, block.key);
}

// After the first mark the second overwrote the middle of a short block: then only the second can
// be checked.
bool IsIntact(const Block& block) {
  const std::size_t mark = MarkBytes(block);
  const bool end = HasPattern(block.data + block.size - mark, mark, block.key);
  return end && (block.size < 2 * mark || HasPattern(block.data, mark, block.key));
}

Block Allocate(Random& random, std::uint64_t key) {
  Block block;
  block.size = LogUniformSize(random, kLargestSize);
  block.key = key;
  void* data = nullptr;
  switch (random.Below(8)) {
    case 0:
      data = calloc(1, Opaque(block.size));
      EXPECT_TRUE(data == nullptr || IsZero(data, block.size)) << "calloc of " << block.size;
      break;
    case 1: {
      const std::size_t alignment = std::size_t{16} << random.Below(10);
      data = memalign(alignment, Opaque(block.size));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % alignment, 0u);
      break;
    }
    case 2:
      data = realloc(Opaque<void*>(nullptr), Opaque(block.size));
      break;
    default:
      data = malloc(Opaque(block.size));
  }
  EXPECT_NE(data, nullptr);
  block.data = static_cast<char*>(data);
  Mark(block);
  return block;
}

void Release(const Block& block) {
  EXPECT_TRUE(IsIntact(block)) << static_cast<void*>(block.data) << ", " << block.size << " bytes";
  free(block.data);
}

void Resize(Random& random, Block& block) {
  const std::size_t size = LogUniformSize(random, kLargestSize);
  const std::size_t kept = std::min({size, block.size, kMarkedBytes});
  const bool first_mark_whole =
      block.size >= 2 * MarkBytes(block) || block.size == MarkBytes(block);
  EXPECT_TRUE(IsIntact(block));
  void* data = realloc(block.data, Opaque(size));
  EXPECT_NE(data, nullptr);
  EXPECT_TRUE(!first_mark_whole || HasPattern(data, MarkBytes(block), block.key, kept))
      << block.size << " to " << size;
  block.data = static_cast<char*>(data);
  block.size = size;
  Mark(block);
}

class LiveRanges {
 public:
  void Add(const Block& block) {
    const auto next = ranges_.lower_bound(block.data);
    EXPECT_TRUE(next == ranges_.end() || block.data + block.size <= next->first) << "overlap above";
    EXPECT_TRUE(next == ranges_.begin() || std::prev(next)->second <= block.data)
        << "overlap below";
    ranges_[block.data] = block.data + block.size;
  }
  void Remove(const Block& block) { ranges_.erase(block.data); }

 private:
  std::map<char*, char*> ranges_;
};

TEST(Model, OneThreadNeverSeesTwoLiveBlocksOverlapOrAByteChange) {
  SCOPED_TRACE("HZ3_TEST_SEED=" + std::to_string(Seed()));
  Random random(Seed());
  LiveRanges live;
  std::vector<Block> blocks(600);
  for (std::uint64_t step = 0; step < 200'000 && !HasFailure(); ++step) {
    Block& block = blocks[random.Below(blocks.size())];
    if (block.data == nullptr) {
      live.Add(block = Allocate(random, step));
      continue;
    }
    live.Remove(block);
    if (random.Below(4) == 0) {
      Resize(random, block);
      live.Add(block);
    } else {
      Release(block);
      block = Block();
    }
    if (step % 50'000 == 0) malloc_trim(0);
  }
  for (const Block& block : blocks) {
    if (block.data != nullptr) Release(block);
  }
}

// Where threads leave blocks for others; a slot that is taken gives its old block in exchange.
class Exchange {
 public:
  Block Swap(std::size_t slot, const Block& block) {
    const std::lock_guard<std::mutex> lock(mutexes_[slot % mutexes_.size()]);
    return std::exchange(slots_[slot % slots_.size()], block);
  }

  std::size_t size() const { return slots_.size(); }

 private:
  std::array<Block, 1024> slots_;
  std::array<std::mutex, 64> mutexes_;
};

void ExchangingThread(std::uint64_t id, Exchange& exchange) {
  Random random(Seed() + id);
  std::vector<Block> own(100);
  for (std::uint64_t step = 0; step < 60'000 && !::testing::Test::HasFailure(); ++step) {
    Block& block = own[random.Below(own.size())];
    if (block.data == nullptr) {
      block = Allocate(random, id << 40 | step);
    } else if (random.Below(8) == 0) {
      Resize(random, block);
    } else if (random.Below(2) == 0) {
      Release(std::exchange(block, Block()));
    } else {
      block = exchange.Swap(random.Below(exchange.size()), block);
    }
  }
  for (const Block& block : own) {
    if (block.data != nullptr) Release(block);
  }
}

TEST(Model, EightThreadsThatExchangeBlocksNeverSeeAByteChange) {
  SCOPED_TRACE("HZ3_TEST_SEED=" + std::to_string(Seed()));
  Exchange exchange;
  std::vector<std::thread> threads;
  for (std::uint64_t id = 1; id <= 8; ++id) {
    threads.emplace_back(ExchangingThread, id, std::ref(exchange));
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t slot = 0; slot < exchange.size(); ++slot) {
    const Block block = exchange.Swap(slot, Block());
    if (block.data != nullptr) Release(block);
  }
}

}  // namespace
}  // namespace hz3::testlib
