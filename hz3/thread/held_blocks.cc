#include "hz3/thread/held_blocks.h"

#include <cstring>

namespace hz3 {

bool HeldBlocks::Grow(MetadataPool& pool) {
  static_assert(kMaxBlocks * sizeof(Entry) <= MetadataPool::kMaxBlock);
  if (room_ == kMaxBlocks) return false;
  const uint32_t room = room_ == 0 ? kFirstRoom : 2 * room_;
  auto* entries = static_cast<Entry*>(pool.Allocate(room * sizeof(Entry)));
  if (entries == nullptr) return false;
  if (room_ > 0) {
    memcpy(entries, entries_, count_ * sizeof(Entry));
    pool.Free(entries_, room_ * sizeof(Entry));
  }
  entries_ = entries;
  room_ = room;
  return true;
}

bool HeldBlocks::Add(MetadataPool& pool, SizeClass c, void* block) {
  if (count_ == room_ && !Grow(pool)) return false;
  entries_[count_++] = {block, c};
  return true;
}

void* HeldBlocks::Remove(unsigned i) {
  void* const block = entries_[i].block;
  --count_;
  memmove(entries_ + i, entries_ + i + 1, (count_ - i) * sizeof(Entry));
  return block;
}

void* HeldBlocks::TakeLast(SizeClass c) {
  for (unsigned i = count_; i > 0; --i) {
    if (entries_[i - 1].size_class == c) return Remove(i - 1);
  }
  return nullptr;
}

void* HeldBlocks::TakeFirst(SizeClass c) {
  for (unsigned i = 0; i < count_; ++i) {
    if (entries_[i].size_class == c) return Remove(i);
  }
  return nullptr;
}

void HeldBlocks::Release(MetadataPool& pool) {
  if (room_ > 0) pool.Free(entries_, room_ * sizeof(Entry));
  entries_ = nullptr;
  room_ = 0;
}

}  // namespace hz3
