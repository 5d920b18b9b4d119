// A bounded ring of blocks between one producer thread and one consumer thread. It also counts the
// bytes that lie in it, so that a producer can be held to a byte limit as well as to a slot limit.
#ifndef BENCH_LIB_SPSC_RING_H_
#define BENCH_LIB_SPSC_RING_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "bench/lib/block.h"
#include "bench/lib/mapped_array.h"

namespace hz3::bench {

static_assert(sizeof(Block) == 16, "a ring slot counts in the bench's own footprint");

// Two cache lines: the adjacent-line prefetcher of x86 makes pairs of lines bounce together.
inline constexpr size_t kNoSharing = 128;

// Push, IsFullFor and WaitForRoom belong to the producer, Pending, Drain and WakeProducer to the
// consumer. A slot becomes resident when it is first used.
class SpscRing {
 public:
  static constexpr uint64_t kNoByteLimit = std::numeric_limits<uint64_t>::max();

  // Holds at most `slots` blocks (any number from 1 on) and at most `byte_limit` bytes in them.
  SpscRing(size_t slots, uint64_t byte_limit)
      : capacity_(slots),
        byte_limit_(byte_limit),
        blocks_(std::bit_ceil(slots)),
        mask_(blocks_.size() - 1) {}

  // False when the ring has no slot or not enough bytes left for the block.
  bool Push(Block block) {
    if (IsFullFor(block.size)) return false;
    const uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    blocks_[tail & mask_] = block;
    producer_.pushed_bytes += block.size;
    // Release: the consumer that sees the new tail sees the block.
    producer_.tail.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Looks at the consumer's cache line only when the last known state leaves no room.
  bool IsFullFor(uint64_t size) {
    if (HasKnownRoomFor(size)) return false;
    // Acquire: the consumer has read the slots below head before they are overwritten.
    producer_.known_head = consumer_.head.load(std::memory_order_acquire);
    producer_.known_drained_bytes = consumer_.drained_bytes.load(std::memory_order_relaxed);
    return !HasKnownRoomFor(size);
  }

  // How many blocks a Drain that starts now would find.
  uint64_t Pending() const {
    return producer_.tail.load(std::memory_order_acquire) -
           consumer_.head.load(std::memory_order_relaxed);
  }

  // Calls take(Block) for the first `count` blocks; count must not exceed Pending(). Room is given
  // back every kPublishEvery blocks, so that the producer meets a moving consumer.
  template <typename Take>
  void Drain(uint64_t count, Take take) {
    uint64_t head = consumer_.head.load(std::memory_order_relaxed);
    uint64_t bytes = consumer_.drained_bytes.load(std::memory_order_relaxed);
    const uint64_t end = head + count;
    while (head != end) {
      const uint64_t stop = std::min(end, head + kPublishEvery);
      for (; head != stop; ++head) {
        const Block block = blocks_[head & mask_];
        take(block);
        bytes += block.size;
      }
      consumer_.drained_bytes.store(bytes, std::memory_order_relaxed);
      consumer_.head.store(head, std::memory_order_release);
    }
  }

  // Sleeps until the consumer calls WakeProducer or `nanos` have passed, unless there is room for
  // `size` bytes already. May return early; callers ask again.
  void WaitForRoom(uint64_t size, int64_t nanos) {
    // Store waiting, then read head; WakeProducer stores head, then reads waiting. Both orders are
    // seq_cst, so that one of the two sees the other. The time limit is for the caller's other
    // work.
    waiting_.store(1, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (IsFullFor(size)) {
      const timespec limit = {nanos / 1'000'000'000, nanos % 1'000'000'000};
      syscall(SYS_futex, &waiting_, FUTEX_WAIT_PRIVATE, 1, &limit, nullptr, 0);
    }
    waiting_.store(0, std::memory_order_relaxed);
  }

  // To be called after a Drain by consumers whose producer uses WaitForRoom.
  void WakeProducer() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (waiting_.load(std::memory_order_relaxed) == 0) return;
    waiting_.store(0, std::memory_order_relaxed);
    syscall(SYS_futex, &waiting_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }

  // Bytes of the slots that have been written so far. For use when both threads are at rest.
  uint64_t TouchedBytes() const {
    const uint64_t pushed = producer_.tail.load(std::memory_order_relaxed);
    return std::min<uint64_t>(pushed, blocks_.size()) * sizeof(Block);
  }

 private:
  static constexpr uint64_t kPublishEvery = 64;

  bool HasKnownRoomFor(uint64_t size) const {
    const uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    const uint64_t bytes = producer_.pushed_bytes - producer_.known_drained_bytes;
    return tail - producer_.known_head < capacity_ && bytes <= byte_limit_ &&
           size <= byte_limit_ - bytes;
  }

  struct alignas(kNoSharing) Producer {
    std::atomic<uint64_t> tail{0};
    uint64_t known_head = 0;
    uint64_t pushed_bytes = 0;
    uint64_t known_drained_bytes = 0;
  };
  struct alignas(kNoSharing) Consumer {
    std::atomic<uint64_t> head{0};
    std::atomic<uint64_t> drained_bytes{0};
  };

  const uint64_t capacity_;
  const uint64_t byte_limit_;
  MappedArray<Block> blocks_;
  const uint64_t mask_;
  Producer producer_;
  Consumer consumer_;
  alignas(kNoSharing) std::atomic<uint32_t> waiting_{0};
};

}  // namespace hz3::bench

#endif  // BENCH_LIB_SPSC_RING_H_
