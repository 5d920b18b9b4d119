#include "testing/lib/checked_heap.h"

#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "testing/lib/allocator_under_test.h"
#include "testing/lib/block.h"

namespace hz3::testlib {
namespace {

// Up to twice this a block is written throughout; of longer ones this much at both ends, so that a
// block of 1 GiB costs no gibibyte of memory.
constexpr size_t kMarkBytes = 2048;
constexpr size_t kMostZeroesRead = size_t{256} << 10;
constexpr size_t kPage = 4096;

size_t HeadBytes(size_t size) { return size <= 2 * kMarkBytes ? size : kMarkBytes; }
size_t TailBytes(size_t size) { return size <= 2 * kMarkBytes ? 0 : kMarkBytes; }

void Mark(const Block& block) {
  FillPattern(block.data, HeadBytes(block.size), block.key);
  const size_t tail = TailBytes(block.size);
  FillPattern(block.data + block.size - tail, tail, ~block.key);
}

// Whether the first `kept` bytes of what Mark wrote to a block of `size` bytes are at `data`.
bool HasMarks(const char* data, size_t size, uint64_t key, size_t kept) {
  const size_t head = HeadBytes(size);
  if (!HasPattern(data, head, key, std::min(head, kept))) return false;
  const size_t tail = TailBytes(size);
  const size_t begin = size - tail;
  return kept <= begin || HasPattern(data + begin, tail, ~key, kept - begin);
}

bool ReadsAsZero(const char* data, size_t size) {
  const size_t end = std::min(size, kMostZeroesRead);
  return IsZero(data, end) && IsZero(data + size - end, end);
}

// What the entry promises of an address.
size_t AlignmentOf(const Block& block) {
  const size_t natural = block.size >= 16 ? 16 : 8;
  switch (block.entry) {
    case Entry::kAlignedAlloc:
    case Entry::kMemalign:
    case Entry::kPosixMemalign:
    case Entry::kAlignedNew:
      return std::max(natural, block.align);
    case Entry::kValloc:
    case Entry::kPvalloc:
      return kPage;
    default:
      return natural;
  }
}

void* PosixMemalign(size_t align, size_t size) {
  void* block = nullptr;
  const int error = posix_memalign(&block, std::max(align, sizeof(void*)), size);
  if (error != 0) errno = error;
  return block;
}

void Release(const Block& block) {
  switch (block.entry) {
    case Entry::kNew:
      ::operator delete(block.data);
      break;
    case Entry::kNewArray:
      ::operator delete[](block.data);
      break;
    case Entry::kAlignedNew:
      ::operator delete(block.data, std::align_val_t(block.align));
      break;
    case Entry::kAlignedAlloc:
      if (const auto free_function = FreeAlignedSized(); free_function != nullptr) {
        free_function(block.data, block.align, block.size);
        break;
      }
      [[fallthrough]];
    default:
      free(block.data);
  }
}

}  // namespace

void CheckedHeap::Fail(const char* what, const Block& block) {
  if (claimed_.exchange(true)) return;
  std::snprintf(text_, sizeof(text_), "%s: block %p of %zu bytes, entry %u, align %zu, key %#llx",
                what, static_cast<void*>(block.data), block.size,
                static_cast<unsigned>(block.entry), block.align,
                static_cast<unsigned long long>(block.key));
  // Release, with the acquire in ok(): who sees it reads the whole text.
  wrong_.store(true, std::memory_order_release);
}

void CheckedHeap::Refused(const Block& block, int error) {
  failed_.fetch_add(1, std::memory_order_relaxed);
  if (error != ENOMEM) Fail("it failed with an errno that is not ENOMEM", block);
  if (failures_ == Failures::kForbidden) Fail("it failed although there is memory", block);
}

void* CheckedHeap::Call(Entry entry, size_t size, size_t align) {
  size = Opaque(size);
  switch (entry) {
    case Entry::kMalloc:
      return malloc(size);
    case Entry::kCalloc:
      return size % 8 == 0 ? calloc(size / 8, 8) : calloc(1, size);
    case Entry::kRealloc:
      return realloc(Opaque<void*>(nullptr), size);
    case Entry::kReallocarray:
      return reallocarray(Opaque<void*>(nullptr), size, 1);
    case Entry::kAlignedAlloc:
      return aligned_alloc(align, size);
    case Entry::kMemalign:
      return memalign(align, size);
    case Entry::kPosixMemalign:
      return PosixMemalign(align, size);
    case Entry::kValloc:
      return valloc(size);
    case Entry::kPvalloc:
      return pvalloc(size);
    case Entry::kNew:
      return ::operator new(size, std::nothrow);
    case Entry::kNewArray:
      return ::operator new[](size, std::nothrow);
    case Entry::kAlignedNew:
      return ::operator new(size, std::align_val_t(align), std::nothrow);
  }
  return nullptr;
}

void CheckedHeap::CheckFresh(const Block& block) {
  if (reinterpret_cast<uintptr_t>(block.data) % AlignmentOf(block) != 0) {
    Fail("it is not aligned", block);
  }
  if (malloc_usable_size(block.data) < block.size) Fail("it is smaller than asked for", block);
  if (!live_.Add(block.data, block.size)) Fail("it overlaps a live block", block);
}

Block CheckedHeap::Allocate(Entry entry, size_t size, size_t align, uint64_t key) {
  Block block = {nullptr, size, key, entry, align};
  errno = 0;
  block.data = static_cast<char*>(Call(entry, size, align));
  if (block.data == nullptr) {
    Refused(block, errno);
    return block;
  }
  CheckFresh(block);
  if (entry == Entry::kCalloc && !ReadsAsZero(block.data, size)) Fail("it is not zeroed", block);
  Mark(block);
  return block;
}

bool CheckedHeap::Check(const Block& block) {
  const bool good = HasMarks(block.data, block.size, block.key, block.size);
  if (!good) Fail("its contents have changed", block);
  return good;
}

bool CheckedHeap::Resize(Block& block, size_t size, bool array) {
  Check(block);
  // Its addresses may be another thread's before realloc returns.
  if (!live_.Remove(block.data, block.size)) Fail("it was not live before its realloc", block);
  errno = 0;
  void* moved =
      array ? reallocarray(block.data, Opaque(size), 1) : realloc(block.data, Opaque(size));
  const int error = errno;
  if (moved == nullptr) {
    if (!live_.Add(block.data, block.size)) Fail("it overlaps after a realloc that failed", block);
    Check(block);
    Refused(block, error);
    return false;
  }
  const Block before = block;
  block = {static_cast<char*>(moved), size, before.key, Entry::kRealloc, 1};
  CheckFresh(block);
  if (!HasMarks(block.data, before.size, before.key, std::min(before.size, size))) {
    Fail("realloc lost its contents", before);
  }
  Mark(block);
  return true;
}

void CheckedHeap::Free(Block& block) {
  Check(block);
  if (!live_.Remove(block.data, block.size)) Fail("it was not live when it was freed", block);
  errno = EXDEV;
  Release(block);
  if (errno != EXDEV) Fail("free changed errno", block);
  block = Block();
}

Block CheckedHeap::AllocateRandomly(Random& random, size_t largest, uint64_t key) {
  // Half of all blocks in the plain way.
  const size_t choice = random.Below(2 * kEntries);
  const Entry entry = choice < kEntries ? static_cast<Entry>(choice) : Entry::kMalloc;
  // Alignments above a page are rare in programs and dear in address space.
  const unsigned most = random.Below(32) == 0 ? 22 : 12;
  return Allocate(entry, LogUniformSize(random, largest), size_t{1} << random.Between(3, most),
                  key);
}

}  // namespace hz3::testlib
