#include "testing/hardening/cases.h"

#include <alloca.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <thread>
#include <vector>

#include "testing/lib/allocator_under_test.h"

namespace hz3::testlib {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
// Even: the hardened library's poison is a random odd byte, which would look like it once in a
// while.
constexpr char kSecret = 'T';
static_assert(kSecret % 2 == 0);

char* Allocate(std::size_t size) { return static_cast<char*>(Opaque(malloc(Opaque(size)))); }
void Free(void* block) { free(Opaque(block)); }
char* Reallocate(void* block, std::size_t size) {
  return static_cast<char*>(Opaque(realloc(Opaque(block), Opaque(size))));
}

char* Filled(std::size_t size, char value = kSecret) {
  char* block = Allocate(size);
  memset(block, value, size);
  return Opaque(block);
}

int Rounds(std::size_t size) { return size < kMiB ? 2000 : 300; }

// What the program does after its mistake: blocks of the same size come and go.
void CarryOn(std::size_t size) {
  std::vector<char*> live(8);
  for (int i = 0; i < Rounds(size); ++i) {
    char*& block = live[static_cast<std::size_t>(i) % live.size()];
    Free(block);
    block = Allocate(size);
    *static_cast<volatile char*>(block) = 1;
  }
  for (char* block : live) Free(block);
}

Effect HarmIf(bool harm) { return harm ? Effect::kHarm : Effect::kNoHarm; }

// Whether much of what a dead block held can be read. Single bytes may be there by chance.
bool ShowsSecret(const char* block, std::size_t size) {
  const volatile char* p = Opaque(block);
  std::size_t seen = 0;
  for (std::size_t i = 0; i < size; ++i) seen += p[i] == kSecret;
  return seen > size / 4;
}

// -- Out of bounds --------------------------------------------------------------------------------

enum class By { kStores, kMemcpy };

// Other bytes than those that are there, so that none is the right one by chance.
void Overwrite(char* at, std::size_t bytes, By by) {
  at = Opaque(at);
  if (by == By::kStores) {
    for (std::size_t i = 0; i < bytes; ++i) {
      volatile char* p = at + i;
      *p = static_cast<char>(~*p);
    }
    return;
  }
  static char source[kMiB];
  for (std::size_t i = 0; i < bytes; i += 4096) {
    const std::size_t part = std::min<std::size_t>(bytes - i, 4096);
    for (std::size_t j = 0; j < part; ++j) source[i + j] = static_cast<char>(~at[i + j]);
    memcpy(at + i, Opaque(source + i), part);
  }
}

// A block among others of its size, and whether one of those has changed. The pointers are not in
// the heap: a program that crashed over its own overwritten list would count as caught.
class Neighbourhood {
 public:
  explicit Neighbourhood(std::size_t size) : size_(size) {
    for (char*& block : blocks()) block = Filled(size);
  }
  char* block() { return blocks()[blocks().size() / 2]; }
  bool HasChanged() {
    for (const char* other : blocks()) {
      if (other == block()) continue;
      const auto changed = [](char c) { return c != kSecret; };
      if (std::any_of(other, other + size_, changed)) return true;
    }
    return false;
  }
  void FreeAll() {
    Free(block());
    CarryOn(size_);
    for (char* other : blocks()) {
      if (other != block()) Free(other);
    }
  }

 private:
  std::span<char*> blocks() { return std::span(blocks_).first(size_ < kMiB ? 32 : 8); }

  const std::size_t size_;
  char* blocks_[32];
};

Effect Overflow(std::size_t size, std::size_t bytes, By by) {
  Neighbourhood blocks(size);
  Overwrite(blocks.block() + size, bytes, by);
  const bool harm = blocks.HasChanged();
  blocks.FreeAll();
  return HarmIf(harm);
}

// From the block's start downwards, as an index that counts too far.
Effect Underflow(std::size_t size, std::size_t bytes, By by) {
  Neighbourhood blocks(size);
  if (by == By::kStores) {
    for (std::size_t i = 1; i <= bytes; ++i) Overwrite(blocks.block() - i, 1, by);
  } else {
    Overwrite(blocks.block() - bytes, bytes, by);
  }
  const bool harm = blocks.HasChanged();
  blocks.FreeAll();
  return HarmIf(harm);
}

// -- Double free ----------------------------------------------------------------------------------

Effect DoubleFreeAtOnce(std::size_t size) {
  char* block = Allocate(size);
  Free(block);
  Free(block);
  CarryOn(size);
  return Effect::kHarm;
}

Effect DoubleFreeDelayed(std::size_t size) {
  char* block = Allocate(size);
  char* neighbour = Allocate(size);
  Free(block);
  std::vector<char*> others;
  for (int i = 0; i < Rounds(size) / 10; ++i) others.push_back(Allocate(size));
  for (char* other : others) Free(other);
  Free(block);
  CarryOn(size);
  Free(neighbour);
  return Effect::kHarm;
}

Effect DoubleFreeInterleaved(std::size_t size) {
  char* block = Allocate(size);
  char* other = Allocate(size);
  Free(block);
  Free(other);
  Free(block);
  CarryOn(size);
  return Effect::kHarm;
}

// The second free hits whoever has the memory by then.
Effect DoubleFreeAfterReuse(std::size_t size) {
  char* block = Allocate(size);
  Free(block);
  char* next = Filled(size);
  Free(block);
  char* third = Allocate(size);
  const bool shared = third == next;
  Free(third);
  Free(next);
  return HarmIf(shared);
}

Effect DoubleFreeByAnotherThread(std::size_t size) {
  char* block = Allocate(size);
  char* neighbour = Allocate(size);
  std::thread([&] { Free(block); }).join();
  Free(block);
  CarryOn(size);
  Free(neighbour);
  return Effect::kHarm;
}

// -- Free of what is no block ---------------------------------------------------------------------

Effect FreeOfStack(std::size_t size) {
  alignas(16) char local[64] = {};
  Free(local);
  CarryOn(size);
  return Effect::kHarm;
}

Effect FreeOfAlloca(std::size_t size) {
  Free(alloca(Opaque(std::size_t{256})));
  CarryOn(size);
  return Effect::kHarm;
}

Effect FreeOfStatic(std::size_t size) {
  alignas(4096) static char object[8192];
  Free(object + 16);
  CarryOn(size);
  return Effect::kHarm;
}

Effect FreeOfMapping(std::size_t size) {
  void* mapping = mmap(nullptr, kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Free(static_cast<char*>(mapping) + 4096);
  CarryOn(size);
  return Effect::kHarm;
}

Effect FreeAt(char* address, std::size_t size) {
  Free(address);
  CarryOn(size);
  return Effect::kHarm;
}

Effect FreeFar(std::size_t size) { return FreeAt(Allocate(size) + (std::size_t{1} << 36), size); }
Effect FreeClose(std::size_t size) { return FreeAt(Filled(size, 0) + 16, size); }
Effect FreeUnaligned(std::size_t size) { return FreeAt(Filled(size, 0) + 1, size); }

Effect FreeUnalignedRepeatedly(std::size_t size) {
  char* block = Filled(size, 0);
  for (std::size_t i = 1; i < 16; ++i) Free(block + i);
  CarryOn(size);
  return Effect::kHarm;
}

// -- Blocks of 0 bytes ----------------------------------------------------------------------------

Effect ReadByte(const char* p) {
  static_cast<void>(*static_cast<const volatile char*>(p));
  return Effect::kHarm;
}
Effect WriteByte(char* p) {
  *static_cast<volatile char*>(p) = 1;
  return Effect::kHarm;
}
char* FreedZero() {
  char* p = Allocate(0);
  Free(p);
  return Opaque(p);
}
char* NewZero() { return static_cast<char*>(Opaque(::operator new[](Opaque(std::size_t{0})))); }

Effect ReadZeroSize(std::size_t) { return ReadByte(Allocate(0)); }
Effect WriteZeroSize(std::size_t) { return WriteByte(Allocate(0)); }
Effect ReadZeroSizeAfterFree(std::size_t) { return ReadByte(FreedZero()); }
Effect WriteZeroSizeAfterFree(std::size_t) { return WriteByte(FreedZero()); }
Effect ReadZeroSizeOfNew(std::size_t) { return ReadByte(NewZero()); }
Effect WriteZeroSizeOfNew(std::size_t) { return WriteByte(NewZero()); }

// -- Use after free -------------------------------------------------------------------------------

Effect ReadAfterFree(std::size_t size) {
  char* block = Filled(size);
  Free(block);
  return HarmIf(ShowsSecret(block, size));
}

Effect WriteAfterFree(std::size_t size) {
  char* block = Filled(size);
  Free(block);
  Overwrite(block, size < 64 ? size : 64, By::kStores);
  CarryOn(size);
  return Effect::kHarm;
}

// The last byte only, by memset, at the end of the program.
Effect WriteAfterFreeAtTheEnd(std::size_t size) {
  CarryOn(size);
  char* block = Filled(size);
  Free(block);
  memset(Opaque(block + size - 1), ~block[size - 1], 1);
  return Effect::kHarm;
}

Effect ReadAfterReuse(std::size_t size) {
  char* block = Allocate(size);
  Free(block);
  char* next = Filled(size);
  const bool shows = ShowsSecret(block, size);
  Free(next);
  return HarmIf(shows);
}

Effect WriteAfterReuse(std::size_t size) {
  char* block = Allocate(size);
  Free(block);
  char* next = Filled(size);
  Overwrite(block, 16, By::kStores);
  const bool changed = std::any_of(next, next + size, [](char c) { return c != kSecret; });
  Free(next);
  CarryOn(size);
  return HarmIf(changed);
}

// -- Reuse ----------------------------------------------------------------------------------------

Effect ReusedAtOnce(std::size_t size) {
  char* block = Allocate(size);
  const auto before = reinterpret_cast<std::uintptr_t>(block);
  Free(block);
  char* next = Allocate(size);
  const bool same = reinterpret_cast<std::uintptr_t>(next) == before;
  Free(next);
  return HarmIf(same);
}

bool AnyNewBlockShowsSecret(std::size_t size) {
  bool shows = false;
  std::vector<char*> blocks;
  for (int i = 0; i < 16; ++i) {
    blocks.push_back(Allocate(size));
    shows |= ShowsSecret(blocks.back(), size);
  }
  for (char* block : blocks) Free(block);
  return shows;
}

Effect ReuseLeaks(std::size_t size) {
  Free(Filled(size));
  return HarmIf(AnyNewBlockShowsSecret(size));
}

// From a larger block to a smaller one.
Effect ReuseDownsizedLeaks(std::size_t size) {
  Free(Filled(size));
  return HarmIf(AnyNewBlockShowsSecret(size - size / 16));
}

// -- realloc --------------------------------------------------------------------------------------

// A neighbour keeps the block from growing where it is.
char* MovedByRealloc(std::size_t size, char** old) {
  *old = Filled(size);
  char* neighbour = Filled(size, 'n');
  char* moved = Reallocate(*old, 4 * size);
  Free(neighbour);
  return moved;
}

Effect ReadAfterRealloc(std::size_t size) {
  char* old;
  char* moved = MovedByRealloc(size, &old);
  const bool shows = moved != old && ShowsSecret(old, size);
  Free(moved);
  return HarmIf(shows);
}

Effect FreeAfterRealloc(std::size_t size) {
  char* old;
  char* moved = MovedByRealloc(size, &old);
  Free(old);
  CarryOn(size);
  if (moved != old) Free(moved);
  return Effect::kHarm;
}

Effect ReallocOfFreed(std::size_t size) {
  char* block = Filled(size);
  Free(block);
  char* moved = Reallocate(block, 4 * size);
  CarryOn(size);
  Free(moved);
  return Effect::kHarm;
}

Effect ReallocOfInterior(std::size_t size) {
  char* moved = Reallocate(Filled(size, 0) + 16, 4 * size);
  CarryOn(size);
  Free(moved);
  return Effect::kHarm;
}

Effect ReallocOfStack(std::size_t size) {
  alignas(16) char local[64] = {};
  Reallocate(local, 4 * size);
  return Effect::kHarm;
}

// -- Uninitialised reads --------------------------------------------------------------------------

Effect UninitialisedRead(std::size_t size) {
  std::vector<char*> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(Filled(size));
  for (char* block : blocks) Free(block);
  const volatile char* fresh = Allocate(size);
  bool nonzero = false;
  for (std::size_t i = 0; i < size; ++i) nonzero |= fresh[i] != 0;
  return HarmIf(nonzero);
}

Effect UninitialisedTailOfRealloc(std::size_t size) {
  std::vector<char*> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(Filled(2 * size));
  for (char* block : blocks) Free(block);
  char* block = Reallocate(Filled(size, 0), 2 * size);
  const volatile char* tail = block + size;
  bool nonzero = false;
  for (std::size_t i = 0; i < size; ++i) nonzero |= tail[i] != 0;
  return HarmIf(nonzero);
}

// -- Wrong counterparts ---------------------------------------------------------------------------

Effect NewThenFree(std::size_t size) {
  Free(::operator new(Opaque(size)));
  CarryOn(size);
  return Effect::kHarm;
}
Effect MallocThenDelete(std::size_t size) {
  ::operator delete(Opaque(static_cast<void*>(Allocate(size))));
  CarryOn(size);
  return Effect::kHarm;
}
Effect NewThenDeleteArray(std::size_t size) {
  ::operator delete[](Opaque(::operator new(Opaque(size))));
  CarryOn(size);
  return Effect::kHarm;
}
Effect NewArrayThenDelete(std::size_t size) {
  ::operator delete(Opaque(::operator new[](Opaque(size))));
  CarryOn(size);
  return Effect::kHarm;
}
Effect SizedDeleteOfOtherSize(std::size_t size) {
  ::operator delete(Opaque(::operator new(Opaque(size))), Opaque(2 * size));
  CarryOn(size);
  return Effect::kHarm;
}

// -- Code in the heap -----------------------------------------------------------------------------

Effect ExecutableHeap(std::size_t size) {
#if defined(__x86_64__)
  const unsigned char code[] = {0xc3};
#else
  const unsigned char code[] = {0xc0, 0x03, 0x5f, 0xd6};
#endif
  char* block = Filled(size, 0);
  memcpy(block, code, sizeof(code));
  __builtin___clear_cache(block, block + sizeof(code));
  reinterpret_cast<void (*)()>(Opaque(block))();
  return Effect::kHarm;
}

// -- Impossibly large requests --------------------------------------------------------------------

Effect RefusedIf(bool refused) { return refused ? Effect::kRefused : Effect::kHarm; }
bool IsRefused(const void* p) { return Opaque(p) == nullptr; }

Effect MallocOfEverything(std::size_t) { return RefusedIf(IsRefused(malloc(Opaque(SIZE_MAX)))); }
Effect MallocOfMoreThanPtrdiff(std::size_t) {
  return RefusedIf(IsRefused(malloc(Opaque(std::size_t{PTRDIFF_MAX} + 1))));
}
Effect CallocOverflow(std::size_t) {
  return RefusedIf(IsRefused(calloc(Opaque(SIZE_MAX / 2), Opaque(std::size_t{4}))));
}
Effect ReallocarrayOverflow(std::size_t) {
  return RefusedIf(IsRefused(reallocarray(Allocate(8), Opaque(SIZE_MAX / 2), 4)));
}
Effect AlignedAllocOverflow(std::size_t) {
  return RefusedIf(IsRefused(aligned_alloc(4096, Opaque(SIZE_MAX - 4095))));
}
Effect NewOfTooMuch(std::size_t) {
  try {
    Opaque(::operator new[](Opaque(std::size_t{PTRDIFF_MAX})));
  } catch (const std::bad_alloc&) {
    return Effect::kRefused;
  }
  return Effect::kHarm;
}

template <std::size_t bytes, By by>
Effect OverflowBy(std::size_t size) {
  return Overflow(size, bytes, by);
}
template <std::size_t bytes, By by>
Effect UnderflowBy(std::size_t size) {
  return Underflow(size, bytes, by);
}

constexpr const char* kOutOfBounds = "overflow and underflow";
constexpr const char* kDoubleFree = "double free";
constexpr const char* kNoBlock = "free of what is no block";
constexpr const char* kZero = "blocks of 0 bytes";
constexpr const char* kAfterFree = "use after free";
constexpr const char* kReuse = "reuse";
constexpr const char* kRealloc = "realloc";
constexpr const char* kUninitialised = "uninitialised reads";
constexpr const char* kCounterpart = "wrong counterpart or size";
constexpr const char* kCode = "executable heap";
constexpr const char* kTooLarge = "impossibly large requests";

constexpr Case kCases[] = {
    {"overflow_1", kOutOfBounds, "a byte behind the block is stored to", true,
     OverflowBy<1, By::kStores>},
    {"overflow_32", kOutOfBounds, "32 bytes behind the block are stored to", true,
     OverflowBy<32, By::kStores>},
    {"overflow_1MiB", kOutOfBounds, "1 MiB behind the block is stored to", true,
     OverflowBy<kMiB, By::kStores>},
    {"overflow_1_memcpy", kOutOfBounds, "a byte behind the block is copied to", true,
     OverflowBy<1, By::kMemcpy>},
    {"overflow_32_memcpy", kOutOfBounds, "32 bytes behind the block are copied to", true,
     OverflowBy<32, By::kMemcpy>},
    {"overflow_1MiB_memcpy", kOutOfBounds, "1 MiB behind the block is copied to", true,
     OverflowBy<kMiB, By::kMemcpy>},
    {"underflow_1", kOutOfBounds, "the byte before the block is stored to", true,
     UnderflowBy<1, By::kStores>},
    {"underflow_32", kOutOfBounds, "32 bytes before the block are stored to", true,
     UnderflowBy<32, By::kStores>},
    {"underflow_1MiB", kOutOfBounds, "1 MiB before the block is stored to", true,
     UnderflowBy<kMiB, By::kStores>},
    {"underflow_1_memcpy", kOutOfBounds, "the byte before the block is copied to", true,
     UnderflowBy<1, By::kMemcpy>},
    {"underflow_32_memcpy", kOutOfBounds, "32 bytes before the block are copied to", true,
     UnderflowBy<32, By::kMemcpy>},
    {"underflow_1MiB_memcpy", kOutOfBounds, "1 MiB before the block is copied to", true,
     UnderflowBy<kMiB, By::kMemcpy>},

    {"double_free", kDoubleFree, "a block is freed twice in a row", true, DoubleFreeAtOnce},
    {"double_free_delayed", kDoubleFree, "freed again after many others came and went", true,
     DoubleFreeDelayed},
    {"double_free_interleaved", kDoubleFree, "freed again after another block", true,
     DoubleFreeInterleaved},
    {"double_free_reuse", kDoubleFree,
     "freed again after a new allocation; harm: a third allocation is the live second block", true,
     DoubleFreeAfterReuse},
    {"double_free_thread", kDoubleFree, "freed by two threads", true, DoubleFreeByAnotherThread},

    {"free_stack", kNoBlock, "a local variable is freed", false, FreeOfStack},
    {"free_alloca", kNoBlock, "memory of alloca is freed", false, FreeOfAlloca},
    {"free_static", kNoBlock, "a static object is freed", false, FreeOfStatic},
    {"free_mapping", kNoBlock, "an address in a mapping is freed", false, FreeOfMapping},
    {"free_far", kNoBlock, "an address 64 GiB above a block is freed", true, FreeFar},
    {"free_close", kNoBlock, "an address 16 bytes into a block is freed", true, FreeClose},
    {"free_unaligned", kNoBlock, "an address 1 byte into a block is freed", true, FreeUnaligned},
    {"free_unaligned_often", kNoBlock, "15 addresses in a block are freed", true,
     FreeUnalignedRepeatedly},

    {"zero_read", kZero, "malloc(0) is read", false, ReadZeroSize},
    {"zero_write", kZero, "malloc(0) is written", false, WriteZeroSize},
    {"zero_read_freed", kZero, "malloc(0) is read after its free", false, ReadZeroSizeAfterFree},
    {"zero_write_freed", kZero, "malloc(0) is written after its free", false,
     WriteZeroSizeAfterFree},
    {"zero_read_new", kZero, "new char[0] is read", false, ReadZeroSizeOfNew},
    {"zero_write_new", kZero, "new char[0] is written", false, WriteZeroSizeOfNew},

    {"read_after_free", kAfterFree, "a freed block is read; harm: its old contents are seen", true,
     ReadAfterFree},
    {"write_after_free", kAfterFree, "a freed block is written, then others come and go", true,
     WriteAfterFree},
    {"write_after_free_end", kAfterFree, "a freed block's last byte is written, then the end", true,
     WriteAfterFreeAtTheEnd},
    {"read_after_reuse", kAfterFree,
     "a freed block is read after a new allocation; harm: the new one's contents are seen", true,
     ReadAfterReuse},
    {"write_after_reuse", kAfterFree,
     "a freed block is written after a new allocation; harm: the new one's contents change", true,
     WriteAfterReuse},

    {"reuse_at_once", kReuse, "harm: the next allocation is the block that was just freed", true,
     ReusedAtOnce},
    {"reuse_leak", kReuse, "harm: one of the next 16 allocations shows the old contents", true,
     ReuseLeaks},
    {"reuse_leak_smaller", kReuse, "the same, for slightly smaller allocations", true,
     ReuseDownsizedLeaks},

    {"realloc_read_old", kRealloc, "the old address is read; harm: the old contents are seen", true,
     ReadAfterRealloc},
    {"realloc_free_old", kRealloc, "the old address is freed", true, FreeAfterRealloc},
    {"realloc_freed", kRealloc, "realloc of a freed block", true, ReallocOfFreed},
    {"realloc_interior", kRealloc, "realloc of an address 16 bytes into a block", true,
     ReallocOfInterior},
    {"realloc_stack", kRealloc, "realloc of a local variable", false, ReallocOfStack},

    {"uninitialised", kUninitialised, "a fresh block is read; harm: it is not all zero", true,
     UninitialisedRead},
    {"uninitialised_realloc", kUninitialised,
     "what realloc added is read; harm: it is not all zero", true, UninitialisedTailOfRealloc},

    {"new_free", kCounterpart, "new, then free", true, NewThenFree},
    {"malloc_delete", kCounterpart, "malloc, then delete", true, MallocThenDelete},
    {"new_delete_array", kCounterpart, "new, then delete[]", true, NewThenDeleteArray},
    {"new_array_delete", kCounterpart, "new[], then delete", true, NewArrayThenDelete},
    {"sized_delete", kCounterpart, "sized delete with twice the size", true,
     SizedDeleteOfOtherSize},

    {"execute", kCode, "code in a block is executed", true, ExecutableHeap},

    {"malloc_max", kTooLarge, "malloc(SIZE_MAX)", false, MallocOfEverything},
    {"malloc_ptrdiff", kTooLarge, "malloc(PTRDIFF_MAX + 1)", false, MallocOfMoreThanPtrdiff},
    {"calloc_overflow", kTooLarge, "calloc(SIZE_MAX / 2, 4)", false, CallocOverflow},
    {"reallocarray_overflow", kTooLarge, "reallocarray(p, SIZE_MAX / 2, 4)", false,
     ReallocarrayOverflow},
    {"aligned_overflow", kTooLarge, "aligned_alloc(4096, SIZE_MAX - 4095)", false,
     AlignedAllocOverflow},
    {"new_max", kTooLarge, "new char[PTRDIFF_MAX]", false, NewOfTooMuch},
};

}  // namespace

std::span<const Case> AllCases() { return kCases; }

}  // namespace hz3::testlib
