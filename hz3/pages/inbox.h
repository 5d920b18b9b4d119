// Inbox: the mailbox of a segment, where threads that do not hold the owner's lease leave word of
// what they have freed; and MailList, by which a shard learns which of its segments have mail.
//
// Any thread posts, lock-free; the owner (holder of its shard's lease) collects. Slow path only.
//
// Protocol. Poster: set bits in a word (A), then exchange posted to 1 (B); whoever finds 0 links
// the segment into the owner's MailList. Collector: takes the whole list, and for each segment
// exchanges posted to 0 (C), then each word to 0 (D). If B comes before C in the order of
// `posted`, C's acquire sees B's release, so D finds the bits of A. If B comes after C, B finds 0
// and links the segment again. Either way no mail is lost; at worst a segment is visited in vain.
#ifndef HZ3_PAGES_INBOX_H_
#define HZ3_PAGES_INBOX_H_

#include <atomic>
#include <cstdint>

#include "hz3/base/words.h"

namespace hz3 {

class alignas(kCacheLine) Inbox {
 public:
  static constexpr unsigned kWords = kPagesPerSegment / 64;

  // Two kinds of word of mail, each by the first page of what it is about.
  enum Kind {
    kRun,   // this run is free: the poster gave up the only claim to it
    kSpan,  // look into this span's mailbox; a hint, which may come late or in vain
  };

  // Adds pages (bits of word w). Returns the bits that were already there.
  uint64_t Put(Kind kind, unsigned w, uint64_t pages) {
    // Release: what the poster wrote before (the span's mailbox) is visible to the collector.
    return words_[kind][w].fetch_or(pages, std::memory_order_acq_rel);
  }
  // True when the caller has to link the segment into its owner's MailList.
  bool MarkPosted() { return posted_.exchange(1, std::memory_order_acq_rel) == 0; }

  // Collector: first this, then Take each word.
  void ClearPosted() { posted_.exchange(0, std::memory_order_acq_rel); }
  uint64_t Take(Kind kind, unsigned w) {
    // The plain look first keeps an empty word's cache line shared; mail that arrives after the
    // look is announced again, see the protocol.
    if (words_[kind][w].load(std::memory_order_relaxed) == 0) return 0;
    return words_[kind][w].exchange(0, std::memory_order_acq_rel);
  }
  // A look without taking, for the heap map and tests.
  uint64_t Peek(Kind kind, unsigned w) const {
    return words_[kind][w].load(std::memory_order_relaxed);
  }
  bool Empty() const {
    uint64_t any = 0;
    for (const auto& kind : words_) {
      for (const auto& word : kind) any |= word.load(std::memory_order_relaxed);
    }
    return any == 0;
  }

 private:
  friend class HeapLayoutMaker;
  friend class MailList;
  // Atomics: see the protocol above.
  std::atomic<uint64_t> words_[2][kWords] = {};
  std::atomic<uint32_t> posted_{0};
  std::atomic<uint32_t> next_{kNoIndex};  // written by whoever holds `posted`; read by the taker
};

// A lock-free list of segments with mail, by slot: many push, the lease's holder takes all.
class MailList {
 public:
  bool Empty() const { return head_.load(std::memory_order_relaxed) == kNoIndex; }

  // The caller has just won MarkPosted on `inbox`, the inbox of `slot`.
  void Push(SlotIndex slot, Inbox& inbox) {
    uint32_t head = head_.load(std::memory_order_relaxed);
    do {
      inbox.next_.store(head, std::memory_order_relaxed);
      // Release publishes next_ (and the mail) to TakeAll's acquire. The list is only ever taken
      // whole, so the ABA problem does not arise.
    } while (!head_.compare_exchange_weak(head, slot.value(), std::memory_order_release,
                                          std::memory_order_relaxed));
  }
  // The first slot of the list, or kNoIndex; the caller walks it with Next.
  uint32_t TakeAll() {
    if (Empty()) return kNoIndex;
    return head_.exchange(kNoIndex, std::memory_order_acquire);
  }
  // In the child of a fork only.
  void Clear() { head_.store(kNoIndex, std::memory_order_relaxed); }
  // Read before ClearPosted: after that the inbox may be linked elsewhere.
  static uint32_t Next(const Inbox& inbox) { return inbox.next_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> head_{kNoIndex};  // released by Push, acquired by TakeAll
};

}  // namespace hz3

#endif  // HZ3_PAGES_INBOX_H_
