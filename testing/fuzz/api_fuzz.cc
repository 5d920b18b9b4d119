// Byte-code for the whole interface: each input is a program of allocations, reallocations, frees
// and hz3's own calls, on a CheckedHeap. What one input leaves behind the next one finds.

#include <malloc.h>

#include <array>

#include "hz3/malloc_extension.h"
#include "testing/fuzz/fuzz_input.h"
#include "testing/lib/checked_heap.h"

namespace hz3::fuzz {
namespace {

using testlib::Block;
using testlib::CheckedHeap;
using testlib::Entry;
using testlib::kEntries;

constexpr unsigned kBlocks = 64;
constexpr size_t kMiB = size_t{1} << 20;

// Of any magnitude up to 64 MiB, and exactly at the edges of classes too.
size_t Size(FuzzInput& input) {
  const unsigned bits = input.Below(27);
  const size_t low = size_t{1} << bits;
  return low + (input.Number(4) & (low - 1)) - (input.Byte() & 1);
}

void Extend(FuzzInput& input) {
  switch (input.Below(5)) {
    case 0:
      malloc_trim(0);
      break;
    case 1:
      hz3_purge();
      break;
    case 2:
      hz3_release_thread();
      break;
    case 3:
      hz3_set_soft_limit(input.Below(2) == 0 ? SIZE_MAX : (1 + input.Below(64)) * kMiB);
      break;
    default:
      hz3_set_limit(input.Below(2) == 0 ? SIZE_MAX : (1 + input.Below(200)) * kMiB);
  }
}

void Step(FuzzInput& input, CheckedHeap& heap, std::array<Block, kBlocks>& blocks, uint64_t key) {
  Block& block = blocks[input.Below(kBlocks)];
  const unsigned op = input.Byte();
  if (op >= 248) {
    Extend(input);
  } else if (!block.live()) {
    const size_t align = size_t{1} << (3 + input.Below(op < 8 ? 20 : 10));
    block = heap.Allocate(static_cast<Entry>(op % kEntries), Size(input), align, key);
  } else if (block.resizable() && op < 100) {
    heap.Resize(block, 1 + Size(input), op % 2 == 0);
  } else {
    heap.Free(block);
  }
}

}  // namespace
}  // namespace hz3::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* heap = new hz3::testlib::CheckedHeap(hz3::testlib::CheckedHeap::Failures::kAllowed);
  hz3::fuzz::FuzzInput input(data, size);
  std::array<hz3::testlib::Block, hz3::fuzz::kBlocks> blocks;
  for (uint64_t key = 1; !input.empty(); ++key) hz3::fuzz::Step(input, *heap, blocks, key);
  for (hz3::testlib::Block& block : blocks) {
    if (block.live()) heap->Free(block);
  }
  hz3_set_limit(SIZE_MAX);
  hz3_set_soft_limit(SIZE_MAX);
  hz3::fuzz::Require(heap->ok(), heap->error());
  return 0;
}
