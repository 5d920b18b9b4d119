#include "hz3/harden/guarded_blocks.h"

#include <algorithm>

#include "hz3/base/random.h"

namespace hz3 {
namespace {

size_t SlackBytes(const GuardedBlock& block) {
  const auto all = static_cast<size_t>(block.data_end() - (block.user + block.size));
  return std::min(all, CheckedBlock::kCheckedSlack);
}

size_t FrontBytes(const GuardedBlock& block) {
  return std::min(static_cast<size_t>(block.user - block.data()), CheckedBlock::kCheckedSlack);
}

}  // namespace

bool GuardedBlocks::Init(OsMemory& os) {
  LeaseHolder hold(lease_);
  constexpr size_t kEntryBytes = (size_t{kMaxBlocks} + 1) * sizeof(Entry);
  auto* entries = static_cast<Entry*>(CommitBetweenGuards(os, kEntryBytes));
  auto* chains = static_cast<uint32_t*>(CommitBetweenGuards(os, kChains * sizeof(uint32_t)));
  if (entries == nullptr || chains == nullptr) return false;
  os_ = &os;
  entries_ = entries;
  chains_ = chains;
  return true;
}

unsigned GuardedBlocks::ChainOf(const void* user) {
  return static_cast<unsigned>(Mix(reinterpret_cast<uintptr_t>(user)) % kChains);
}

GuardedBlocks::Entry* GuardedBlocks::Lookup(const void* user) {
  if (entries_ == nullptr) return nullptr;
  for (uint32_t i = chains_[ChainOf(user)]; i != kNone; i = entries_[i].next) {
    if (entries_[i].block.user == user) return &entries_[i];
  }
  return nullptr;
}

uint32_t GuardedBlocks::TakeEntry() {
  const uint32_t entry = free_entry_;
  if (entry != kNone) {
    free_entry_ = entries_[entry].next;
    return entry;
  }
  if (entries_ == nullptr || used_entries_ == kMaxBlocks) return kNone;
  return ++used_entries_;
}

bool GuardedBlocks::Insert(const GuardedBlock& block) {
  const uint32_t entry = TakeEntry();
  if (entry == kNone) return false;
  uint32_t& chain = chains_[ChainOf(block.user)];
  entries_[entry] = {block, chain};
  chain = entry;
  return true;
}

void GuardedBlocks::Remove(const void* user) {
  uint32_t* link = &chains_[ChainOf(user)];
  while (entries_[*link].block.user != user) link = &entries_[*link].next;
  const uint32_t entry = *link;
  *link = entries_[entry].next;
  entries_[entry] = {GuardedBlock(), free_entry_};
  free_entry_ = entry;
}

void GuardedBlocks::Guard(char* start, size_t bytes) {
  if (!os_->Protect(start, bytes)) ++unguarded_;
}

char* GuardedBlocks::Create(char* plain, size_t bytes, size_t align, BlockKind kind) {
  GuardedBlock block;
  block.plain = plain;
  block.plain_bytes = PlainBytes(bytes, align);
  block.lead = Lead(align);
  block.size = bytes;
  block.kind = kind;
  const auto end = reinterpret_cast<uintptr_t>(block.data_end()) - bytes;
  block.user = reinterpret_cast<char*>(end & ~(std::max(align, kMinAlign) - 1));
  LeaseHolder hold(lease_);
  if (!Insert(block)) return nullptr;
  CheckedBlock::FillSlack(block.user + bytes, SlackBytes(block));
  CheckedBlock::FillSlack(block.user - FrontBytes(block), FrontBytes(block));
  Guard(plain, block.lead);
  Guard(block.data_end(), kPageSize);
  return block.user;
}

bool GuardedBlocks::Find(const void* user, GuardedBlock* block) {
  LeaseHolder hold(lease_);
  const Entry* entry = Lookup(user);
  if (entry != nullptr) *block = entry->block;
  return entry != nullptr;
}

bool GuardedBlocks::MarkFreed(const void* user, GuardedBlock* block) {
  LeaseHolder hold(lease_);
  Entry* entry = Lookup(user);
  if (entry == nullptr || entry->block.freed) return false;
  entry->block.freed = true;
  *block = entry->block;
  return true;
}

bool GuardedBlocks::SlackIsWhole(const GuardedBlock& block) {
  return CheckedBlock::SlackIsWhole(block.user + block.size, SlackBytes(block));
}

bool GuardedBlocks::FrontIsWhole(const GuardedBlock& block) {
  return CheckedBlock::SlackIsWhole(block.user - FrontBytes(block), FrontBytes(block));
}

// The oldest leaves when the newcomer would be one too many, or its bytes too many.
bool GuardedBlocks::Hold(const GuardedBlock& block, char** plain) {
  const auto pages = static_cast<size_t>(block.data_end() - block.data());
  os_->Purge(block.data(), pages);
  LeaseHolder hold(lease_);
  Guard(block.data(), pages);
  bool left = false;
  if (held_count_ == kMaxHeld || held_bytes_ + block.plain_bytes > kMaxHeldBytes) {
    left = ReleaseOldest(plain);
    // No room, and nothing that can leave: it stays inaccessible for good.
    if (!left && held_count_ == kMaxHeld) return false;
  }
  held_[(first_held_ + held_count_++) % kMaxHeld] = block.user;
  held_bytes_ += block.plain_bytes;
  return left;
}

bool GuardedBlocks::Release(char** plain) {
  LeaseHolder hold(lease_);
  return ReleaseOldest(plain);
}

// A block that cannot be made accessible again (RLIMIT_DATA) stays, as the newest.
bool GuardedBlocks::ReleaseOldest(char** plain) {
  if (held_count_ == 0) return false;
  const GuardedBlock block = Lookup(held_[first_held_])->block;
  first_held_ = (first_held_ + 1) % kMaxHeld;
  if (!os_->Commit(block.plain, block.plain_bytes)) {
    held_[(first_held_ + held_count_ - 1) % kMaxHeld] = block.user;
    return false;
  }
  --held_count_;
  held_bytes_ -= block.plain_bytes;
  Remove(block.user);
  *plain = block.plain;
  return true;
}

bool GuardedBlocks::Explain(const void* address, GuardedBlock* block) const {
  const char* const p = static_cast<const char*>(address);
  for (uint32_t i = 1; entries_ != nullptr && i <= used_entries_; ++i) {
    const GuardedBlock& other = entries_[i].block;
    if (other.user == nullptr || p < other.plain || p >= other.plain + other.plain_bytes) continue;
    *block = other;
    return true;
  }
  return false;
}

size_t GuardedBlocks::unguarded() {
  LeaseHolder hold(lease_);
  return unguarded_;
}

}  // namespace hz3
