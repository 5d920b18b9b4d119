#include "hz3/harden/checked_block.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "hz3/base/random.h"
#include "hz3/base/words.h"

namespace hz3 {
namespace {

// Size in the lower 48 bits, kind above, and on top whether the block is live.
constexpr unsigned kKindShift = 48;
constexpr unsigned kStateShift = 56;
constexpr uint64_t kStateMask = uint64_t{0xff} << kStateShift;
constexpr uint64_t kLive = uint64_t{0xa7} << kStateShift;
constexpr uint64_t kFreed = uint64_t{0x5c} << kStateShift;

// One byte, so that memset can write it; never 0, which fresh memory is.
unsigned char PoisonByte() { return static_cast<unsigned char>(Mix(ProcessSecret() + 1)) | 1; }

uint64_t SlackWord(const char* end) {
  return Mix(ProcessSecret() ^ ~reinterpret_cast<uintptr_t>(end));
}

void FillWith(uint64_t word, char* start, size_t bytes) {
  size_t i = 0;
  for (; i + sizeof(word) <= bytes; i += sizeof(word)) memcpy(start + i, &word, sizeof(word));
  memcpy(start + i, &word, bytes - i);
}

bool IsFilledWith(uint64_t word, const char* start, size_t bytes) {
  // Without an exit from the inner loop, so that it is a few vector instructions.
  constexpr size_t kWords = 8;
  size_t i = 0;
  for (; i + kWords * sizeof(word) <= bytes; i += kWords * sizeof(word)) {
    uint64_t words[kWords];
    memcpy(words, start + i, sizeof(words));
    uint64_t differences = 0;
    for (const uint64_t other : words) differences |= other ^ word;
    if (differences != 0) return false;
  }
  for (; i + sizeof(word) <= bytes; i += sizeof(word)) {
    if (memcmp(start + i, &word, sizeof(word)) != 0) return false;
  }
  return memcmp(start + i, &word, bytes - i) == 0;
}

size_t CheckedSlack(const char* end, const char* limit) {
  return std::min(static_cast<size_t>(limit - end), CheckedBlock::kCheckedSlack);
}

}  // namespace

struct CheckedBlock::Header {
  // Acquire/release: who is told that a block is freed need not see its contents, but who marks it
  // sees what the thread that gave it to him wrote.
  std::atomic<uint64_t> what;
  uint32_t offset;  // in units of kMinAlign
  uint32_t checksum;
};

CheckedBlock::Header* CheckedBlock::HeaderOf(const char* user) {
  static_assert(sizeof(Header) == kHeaderBytes);
  return reinterpret_cast<Header*>(const_cast<char*>(user) - kHeaderBytes);
}

// Without the state, so that a freed block is still known for one.
uint32_t CheckedBlock::Checksum(const char* user, uint64_t what, uint32_t offset) {
  const uint64_t place = Mix(ProcessSecret() ^ reinterpret_cast<uintptr_t>(user));
  return static_cast<uint32_t>(Mix(place ^ (what & ~kStateMask) ^ (uint64_t{offset} << 32)));
}

void CheckedBlock::Write(char* user, const CheckedInfo& info) {
  Header* header = HeaderOf(user);
  const uint64_t what = info.size | (uint64_t{static_cast<uint8_t>(info.kind)} << kKindShift);
  header->offset = static_cast<uint32_t>(info.offset / kMinAlign);
  header->checksum = Checksum(user, what, header->offset);
  header->what.store(what | kLive, std::memory_order_release);
}

char* CheckedBlock::Create(char* plain, size_t plain_bytes, size_t bytes, size_t align,
                           BlockKind kind) {
  char* const user = plain + align;
  memset(user, 0, bytes);
  const CheckedInfo info{bytes, kind, align};
  Write(user, info);
  FillSlack(user + bytes, CheckedSlack(user + bytes, plain + plain_bytes));
  return user;
}

CheckedState CheckedBlock::Read(const char* user, CheckedInfo* info) {
  if (reinterpret_cast<uintptr_t>(user) % kMinAlign != 0) return CheckedState::kNotABlock;
  const Header* header = HeaderOf(user);
  const uint64_t what = header->what.load(std::memory_order_acquire);
  const uint64_t state = what & kStateMask;
  if (header->checksum != Checksum(user, what, header->offset)) return CheckedState::kNotABlock;
  if (state != kLive && state != kFreed) return CheckedState::kNotABlock;
  info->size = what & ((uint64_t{1} << kKindShift) - 1);
  info->kind = static_cast<BlockKind>((what >> kKindShift) & 0xff);
  info->offset = size_t{header->offset} * kMinAlign;
  return state == kLive ? CheckedState::kLive : CheckedState::kFreed;
}

CheckedState CheckedBlock::MarkFreed(char* user, CheckedInfo* info) {
  const CheckedState state = Read(user, info);
  if (state != CheckedState::kLive) return state;
  std::atomic<uint64_t>& what = HeaderOf(user)->what;
  uint64_t expected = what.load(std::memory_order_relaxed);
  const uint64_t freed = (expected & ~kStateMask) | kFreed;
  if ((expected & kStateMask) == kLive &&
      what.compare_exchange_strong(expected, freed, std::memory_order_acq_rel)) {
    return CheckedState::kLive;
  }
  return CheckedState::kFreed;
}

void CheckedBlock::Resize(char* user, const CheckedInfo& info, size_t plain_bytes, size_t bytes) {
  if (bytes > info.size) memset(user + info.size, 0, bytes - info.size);
  Write(user, {bytes, info.kind, info.offset});
  FillSlack(user + bytes, CheckedSlack(user + bytes, user - info.offset + plain_bytes));
}

bool CheckedBlock::SlackIsWhole(const char* user, const CheckedInfo& info, size_t plain_bytes) {
  const char* const end = user + info.size;
  return SlackIsWhole(end, CheckedSlack(end, user - info.offset + plain_bytes));
}

void CheckedBlock::FillSlack(char* end, size_t bytes) { FillWith(SlackWord(end), end, bytes); }
bool CheckedBlock::SlackIsWhole(const char* end, size_t bytes) {
  return IsFilledWith(SlackWord(end), end, bytes);
}
void CheckedBlock::Poison(char* start, size_t bytes) { memset(start, PoisonByte(), bytes); }
bool CheckedBlock::IsPoisoned(const char* start, size_t bytes) {
  return IsFilledWith(PoisonByte() * uint64_t{0x0101010101010101}, start, bytes);
}

}  // namespace hz3
