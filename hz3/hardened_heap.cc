#include "hz3/hardened_heap.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "hz3/base/report.h"
#include "hz3/config/config.h"
#include "hz3/hot_path.h"
#include "hz3/objects/size_classes.h"

namespace hz3 {
namespace {

// Blocks aligned to more are large: their header would take a page anyway.
constexpr size_t kMaxSmallAlign = 512;

void* PlainBlock(size_t bytes) {
  void* p = PopBlock(bytes);
  return p != nullptr ? p : heap.AllocateSlow(bytes);
}

void FreePlain(void* p) {
  if (!PushBlock(p)) heap.FreeSlow(p);
}

size_t PlainSize(const void* p) {
  const size_t size = ClassBytes(p);
  return size != 0 ? size : heap.UsableSize(p);
}

}  // namespace

constinit HardenedHeap hardened_heap;

bool HardenedHeap::IsSmall(size_t bytes, size_t align) {
  return align <= kMaxSmallAlign && bytes <= kMaxBinnedSize &&
         CheckedBlock::PlainBytes(bytes, align) <= kMaxBinnedSize;
}

void* HardenedHeap::Allocate(size_t bytes, BlockKind kind, size_t align) {
  align = std::max(align, kMinAlign);
  if (bytes > PTRDIFF_MAX / 2 || align > Arena::kMaxBytes) {
    errno = ENOMEM;
    return nullptr;
  }
  if (kConfig.guard_zero_size && bytes == 0 && align == kMinAlign) {
    void* p = heap.AllocateZeroSize();
    if (p != nullptr) return p;
  }
  const auto allocate = [&] {
    return IsSmall(bytes, align) ? AllocateSmall(bytes, kind, align)
                                 : AllocateLarge(bytes, kind, align);
  };
  void* p = allocate();
  // What waits is better used than a failure.
  if (p == nullptr && EmptyQuarantines()) p = allocate();
  if (kConfig.guarded_sample_refills > 0 && p != nullptr && align == kMinAlign) {
    void* guarded = heap.MaybeGuarded(bytes);
    if (guarded != nullptr) {
      Free(p, kind);
      return guarded;
    }
  }
  return p;
}

void* HardenedHeap::AllocateSmall(size_t bytes, BlockKind kind, size_t align) {
  const size_t plain_bytes = CheckedBlock::PlainBytes(bytes, align);
  void* plain =
      align == kMinAlign ? PlainBlock(plain_bytes) : heap.AllocateAligned(plain_bytes, align);
  return plain == nullptr ? nullptr : CreateChecked(plain, bytes, kind, align);
}

void* HardenedHeap::CreateChecked(void* plain, size_t bytes, BlockKind kind, size_t align) {
  return CheckedBlock::Create(static_cast<char*>(plain), PlainSize(plain), bytes, align, kind);
}

// A full table of guarded blocks leaves a header and slack.
void* HardenedHeap::AllocateLarge(size_t bytes, BlockKind kind, size_t align) {
  const size_t plain_bytes = GuardedBlocks::PlainBytes(bytes, align);
  void* plain = heap.AllocateLarge(plain_bytes, GuardedBlocks::Lead(align), true);
  if (plain == nullptr) return nullptr;
  void* p = heap.guarded_blocks().Create(static_cast<char*>(plain), bytes, align, kind);
  return p != nullptr ? p : CreateChecked(plain, bytes, kind, align);
}

void HardenedHeap::CheckClaim(const void* p, const Claim& claim, BlockKind kind, size_t size) {
  if (claim.kind != kind) ReportMisuse(Misuse::kWrongKind, p);
  if (claim.size != kAnySize && claim.size != size) ReportMisuse(Misuse::kWrongSize, p);
}

// Where a header cannot be read, there is no block.
void HardenedHeap::CheckAddress(const void* p) {
  const char* const header = static_cast<const char*>(p) - CheckedBlock::kHeaderBytes;
  if (!heap.IsInUsedArena(p) || !heap.IsInUsedArena(header)) {
    ReportMisuse(Misuse::kForeignPointer, p);
  }
}

// The pages of a guarded block have no tag: only its first one has, and that is a guard.
bool HardenedHeap::FindGuarded(const void* p, GuardedBlock* block) {
  return heap.segmap().Lookup(p) == 0 && heap.guarded_blocks().Find(p, block);
}

void HardenedHeap::FreeChecked(void* p, const Claim& claim) {
  if (p == nullptr) return;
  if (heap.ChecksItself(p)) return heap.FreeSlow(p);
  const int saved = errno;
  GuardedBlock block;
  if (FindGuarded(p, &block)) {
    FreeLarge(block, claim);
  } else {
    CheckAddress(p);
    FreeSmall(static_cast<char*>(p), claim);
  }
  errno = saved;
}

void HardenedHeap::FreeSmall(char* p, const Claim& claim) {
  CheckedInfo info;
  switch (CheckedBlock::MarkFreed(p, &info)) {
    case CheckedState::kNotABlock:
      ReportMisuse(Misuse::kNotABlock, p);
    case CheckedState::kFreed:
      ReportMisuse(Misuse::kDoubleFree, p);
    case CheckedState::kLive:
      break;
  }
  CheckClaim(p, claim, info.kind, info.size);
  char* const plain = p - info.offset;
  const size_t plain_bytes = PlainSize(plain);
  if (!CheckedBlock::SlackIsWhole(p, info, plain_bytes)) ReportMisuse(Misuse::kOverflow, p);
  CheckedBlock::Poison(p, info.size);
  char* evicted[Quarantine::kMaxEvicted];
  const unsigned n = heap.quarantine().Hold(p, plain_bytes, evicted);
  for (unsigned i = 0; i < n; ++i) Evict(evicted[i]);
}

void HardenedHeap::FreeLarge(const GuardedBlock& found, const Claim& claim) {
  GuardedBlock block = found;
  if (!heap.guarded_blocks().MarkFreed(found.user, &block)) {
    ReportMisuse(Misuse::kDoubleFree, found.user);
  }
  CheckClaim(block.user, claim, block.kind, block.size);
  if (!GuardedBlocks::SlackIsWhole(block)) ReportMisuse(Misuse::kOverflow, block.user);
  if (!GuardedBlocks::FrontIsWhole(block)) ReportMisuse(Misuse::kUnderflow, block.user);
  char* plain;
  if (heap.guarded_blocks().Hold(block, &plain)) FreePlain(plain);
}

void HardenedHeap::CheckPoison(const char* user) {
  CheckedInfo info;
  if (CheckedBlock::Read(user, &info) != CheckedState::kFreed ||
      !CheckedBlock::IsPoisoned(user, info.size)) {
    ReportMisuse(Misuse::kUseAfterFree, user);
  }
}

// A block leaves the quarantine: from here on its memory may be anybody's.
void HardenedHeap::Evict(char* user) {
  CheckPoison(user);
  CheckedInfo info;
  CheckedBlock::Read(user, &info);
  FreePlain(user - info.offset);
}

bool HardenedHeap::EmptyQuarantines() {
  bool any = false;
  char* evicted[Quarantine::kMaxEvicted];
  while (const unsigned n = heap.quarantine().Drain(evicted)) {
    for (unsigned i = 0; i < n; ++i) Evict(evicted[i]);
    any = true;
  }
  for (char* plain; heap.guarded_blocks().Release(&plain); any = true) FreePlain(plain);
  return any;
}

CheckedInfo HardenedHeap::LiveInfo(const void* p) {
  CheckedInfo info;
  GuardedBlock block;
  if (heap.ChecksItself(p)) {
    info.size = heap.UsableSize(p);
  } else if (FindGuarded(p, &block)) {
    if (block.freed) ReportMisuse(Misuse::kDoubleFree, p);
    info = {block.size, block.kind, 0};
  } else {
    CheckAddress(p);
    const CheckedState state = CheckedBlock::Read(static_cast<const char*>(p), &info);
    if (state == CheckedState::kNotABlock) ReportMisuse(Misuse::kNotABlock, p);
    if (state == CheckedState::kFreed) ReportMisuse(Misuse::kDoubleFree, p);
  }
  return info;
}

size_t HardenedHeap::UsableSize(const void* p) { return p == nullptr ? 0 : LiveInfo(p).size; }

// Within its class a small block stays where it is.
void* HardenedHeap::Resize(void* p, size_t bytes) {
  const CheckedInfo info = LiveInfo(p);
  if (info.kind != BlockKind::kMalloc) ReportMisuse(Misuse::kWrongKind, p);
  if (info.offset == kMinAlign && IsSmall(bytes, kMinAlign)) {
    char* const user = static_cast<char*>(p);
    const size_t plain_bytes = PlainSize(user - info.offset);
    if (InfoOf(ClassOf(CheckedBlock::PlainBytes(bytes, kMinAlign))).size == plain_bytes) {
      if (!CheckedBlock::SlackIsWhole(user, info, plain_bytes)) ReportMisuse(Misuse::kOverflow, p);
      CheckedBlock::Resize(user, info, plain_bytes, bytes);
      return p;
    }
  }
  void* fresh = Allocate(bytes, BlockKind::kMalloc);
  if (fresh == nullptr) return nullptr;
  memcpy(fresh, p, std::min(info.size, bytes));
  Free(p, BlockKind::kMalloc);
  return fresh;
}

void HardenedHeap::CheckAtExit() {
  heap.quarantine().ForEach([this](const char* user) { CheckPoison(user); });
}

}  // namespace hz3
