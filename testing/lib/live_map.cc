#include "testing/lib/live_map.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace hz3::testlib {
namespace {

constexpr unsigned kGranuleShift = 4;
// User space of x86-64 and aarch64 as programs see it without asking for more.
constexpr size_t kGranules = (size_t{1} << 47) >> kGranuleShift;
constexpr size_t kTableBytes = kGranules / 8;

std::atomic<uint64_t>* MapTable() {
  // Past mmap(3): where tests let that fail, it is not this table that they mean.
  const long table = syscall(SYS_mmap, nullptr, kTableBytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (table == -1) {
    std::perror("live_map: a table of 1 TiB of addresses");
    std::abort();
  }
  syscall(SYS_madvise, table, kTableBytes, MADV_DONTDUMP);
  return reinterpret_cast<std::atomic<uint64_t>*>(table);
}

// Calls f(word, mask) for the words of a block's granules.
template <typename F>
void ForWords(const void* block, size_t bytes, F f) {
  size_t first = reinterpret_cast<uintptr_t>(block) >> kGranuleShift;
  size_t left = (bytes + (size_t{1} << kGranuleShift) - 1) >> kGranuleShift;
  while (left > 0) {
    const size_t bit = first % 64;
    const size_t here = left < 64 - bit ? left : 64 - bit;
    f(first / 64, (~uint64_t{0} >> (64 - here)) << bit);
    first += here;
    left -= here;
  }
}

}  // namespace

LiveMap::LiveMap() : words_(MapTable()) {}

LiveMap::~LiveMap() { munmap(static_cast<void*>(words_), kTableBytes); }

// Relaxed: the bits of two blocks that overlap meet in one word, and one of the two finds the
// other's; the order of other memory does not matter.
bool LiveMap::Add(const void* block, size_t bytes) {
  bool free = true;
  ForWords(block, bytes, [&](size_t word, uint64_t mask) {
    free &= (words_[word].fetch_or(mask, std::memory_order_relaxed) & mask) == 0;
  });
  return free;
}

bool LiveMap::Remove(const void* block, size_t bytes) {
  bool live = true;
  ForWords(block, bytes, [&](size_t word, uint64_t mask) {
    live &= (words_[word].fetch_and(~mask, std::memory_order_relaxed) & mask) == mask;
  });
  return live;
}

}  // namespace hz3::testlib
