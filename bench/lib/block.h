// One block of an allocator under test, with the size that was asked for.
#ifndef BENCH_LIB_BLOCK_H_
#define BENCH_LIB_BLOCK_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace hz3::bench {

struct Block {
  void* pointer;
  uint64_t size;
};

// How much of each block a bench writes.
enum class Writes {
  kNothing,
  kEnds,  // the first and the last byte
  kAll,
};

constexpr Writes WritesFrom(bool touch, bool fill) {
  if (fill) return Writes::kAll;
  return touch ? Writes::kEnds : Writes::kNothing;
}

constexpr std::string_view WritesName(Writes writes) {
  if (writes == Writes::kAll) return "fill";
  return writes == Writes::kEnds ? "touch" : "none";
}

// The size must not be 0.
inline void WriteBlock(Block block, Writes writes) {
  if (writes == Writes::kNothing) return;
  if (writes == Writes::kAll) {
    std::memset(block.pointer, 0x5a, block.size);
    return;
  }
  volatile char* bytes = static_cast<char*>(block.pointer);
  bytes[0] = 1;
  bytes[block.size - 1] = 1;
}

}  // namespace hz3::bench

#endif  // BENCH_LIB_BLOCK_H_
