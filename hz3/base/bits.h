// Bitmaps of a fixed number of words, with the searches for runs that the page level needs.
// Plain values without synchronisation: whoever owns the bitmap (a segment, a span: the holder of
// the shard's lease) may call; slow path only. Every search is bounded by the bitmap's own size.
#ifndef HZ3_BASE_BITS_H_
#define HZ3_BASE_BITS_H_

#include <bit>
#include <cstdint>

namespace hz3 {

template <unsigned kWordCount>
class Bits {
 public:
  static constexpr unsigned kWords = kWordCount;
  static constexpr unsigned kSize = kWordCount * 64;
  static constexpr unsigned kNone = kSize;

  uint64_t word(unsigned w) const { return words_[w]; }
  uint64_t& word(unsigned w) { return words_[w]; }

  bool Test(unsigned i) const { return (words_[i / 64] >> (i % 64)) & 1; }
  void Set(unsigned i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  void Clear(unsigned i) { words_[i / 64] &= ~(uint64_t{1} << (i % 64)); }

  void SetRange(unsigned first, unsigned n) {
    ForRange(first, n, [this](unsigned w, uint64_t mask) { words_[w] |= mask; });
  }
  void ClearRange(unsigned first, unsigned n) {
    ForRange(first, n, [this](unsigned w, uint64_t mask) { words_[w] &= ~mask; });
  }
  // How many bits of [first, first + n) are set.
  unsigned CountRange(unsigned first, unsigned n) const {
    unsigned count = 0;
    ForRange(first, n, [&](unsigned w, uint64_t mask) {
      // All or nothing is common; popcount is a call on machines of the baseline.
      const uint64_t bits = words_[w] & mask;
      if (bits == mask) {
        count += static_cast<unsigned>(std::countr_zero(~(mask >> std::countr_zero(mask))));
      } else if (bits != 0) {
        count += static_cast<unsigned>(std::popcount(bits));
      }
    });
    return count;
  }
  unsigned Count() const {
    unsigned count = 0;
    for (uint64_t w : words_) {
      // As in CountRange.
      count += w == ~uint64_t{0} ? 64 : w == 0 ? 0 : static_cast<unsigned>(std::popcount(w));
    }
    return count;
  }
  bool Any() const {
    uint64_t all = 0;
    for (uint64_t w : words_) all |= w;
    return all != 0;
  }

  // The first set bit at or after `from`, else kNone.
  unsigned NextSet(unsigned from) const {
    if (from >= kSize) return kNone;
    unsigned w = from / 64;
    uint64_t bits = words_[w] & (~uint64_t{0} << (from % 64));
    while (bits == 0) {
      if (++w == kWords) return kNone;
      bits = words_[w];
    }
    return w * 64 + static_cast<unsigned>(std::countr_zero(bits));
  }
  // The first clear bit at or after `from`, else kNone.
  unsigned NextClear(unsigned from) const {
    if (from >= kSize) return kNone;
    unsigned w = from / 64;
    uint64_t bits = ~words_[w] & (~uint64_t{0} << (from % 64));
    while (bits == 0) {
      if (++w == kWords) return kNone;
      bits = ~words_[w];
    }
    return w * 64 + static_cast<unsigned>(std::countr_zero(bits));
  }
  // One past the last clear bit before `from`: where the set run that ends at `from` begins.
  unsigned RunBegin(unsigned from) const {
    while (from > 0) {
      const unsigned w = (from - 1) / 64;
      const unsigned top = (from - 1) % 64;
      const uint64_t clear = ~words_[w] & (~uint64_t{0} >> (63 - top));
      if (clear != 0) return w * 64 + 64 - static_cast<unsigned>(std::countl_zero(clear));
      from = w * 64;
    }
    return 0;
  }

  // Where the first run of at least n set bits (n >= 1) at or after `from` begins, else kNone.
  // Looks at one place in n: at most kSize / n + 1 steps, each of a few words. The bit before
  // `from` must not be set.
  unsigned FirstRun(unsigned n, unsigned from = 0) const {
    for (unsigned first = NextSet(from); first != kNone && first + n <= kSize;) {
      const unsigned begin = RunBegin(first + n);
      if (begin <= first) return first;
      // [begin, first + n) is set or empty, and what came before is too short.
      first = begin < first + n ? begin : NextSet(begin);
    }
    return kNone;
  }
  // Bit i of the result: bits i .. i + n - 1 are all set here (n >= 1). Shift-and-doubling,
  // log2(n) passes over the words.
  Bits RunsOf(unsigned n) const {
    Bits runs = *this;
    unsigned have = 1;
    while (have < n) {
      const unsigned step = have < n - have ? have : n - have;
      runs.AndShifted(step);
      have += step;
    }
    return runs;
  }
  // Given `runs` = RunsOf(n): those that are maximal and exactly n long, by their start.
  Bits ExactOf(const Bits& runs, unsigned n) const {
    Bits exact = runs;
    uint64_t carry = 0;
    for (unsigned w = 0; w < kWords; ++w) {
      const uint64_t before = (words_[w] << 1) | carry;
      carry = words_[w] >> 63;
      exact.words_[w] &= ~before;
    }
    if (n == kSize) return exact;
    // Not followed by a set bit at i + n.
    const unsigned skip = n / 64;
    const unsigned shift = n % 64;
    for (unsigned w = 0; w < kWords; ++w) {
      const unsigned from = w + skip;
      uint64_t behind = from < kWords ? words_[from] >> shift : 0;
      if (shift != 0 && from + 1 < kWords) behind |= words_[from + 1] << (64 - shift);
      exact.words_[w] &= ~behind;
    }
    return exact;
  }
  Bits ExactRunsOf(unsigned n) const { return ExactOf(RunsOf(n), n); }
  // The length of the longest run of set bits.
  unsigned LongestRun() const {
    // Long ones are few, and found in long steps; short ones by all words at once.
    constexpr unsigned kLong = 16;
    unsigned longest = 0;
    for (unsigned first = FirstRun(kLong); first != kNone;) {
      const unsigned end = NextClear(first);  // kNone is kSize
      longest = end - first;
      first = FirstRun(longest + 1, end);
    }
    return longest != 0 ? longest : LongestShortRun();
  }

  friend Bits operator&(Bits a, const Bits& b) {
    for (unsigned w = 0; w < kWords; ++w) a.words_[w] &= b.words_[w];
    return a;
  }
  friend Bits operator|(Bits a, const Bits& b) {
    for (unsigned w = 0; w < kWords; ++w) a.words_[w] |= b.words_[w];
    return a;
  }
  friend Bits operator~(Bits a) {
    for (uint64_t& w : a.words_) w = ~w;
    return a;
  }
  friend bool operator==(const Bits& a, const Bits& b) {
    for (unsigned w = 0; w < kWords; ++w) {
      if (a.words_[w] != b.words_[w]) return false;
    }
    return true;
  }

 private:
  unsigned LongestShortRun() const {
    Bits passed = *this;
    if (!passed.Any()) return 0;
    unsigned length = 1;
    unsigned step = 1;
    // Double while it holds, then halve the step: `passed` is always RunsOf(length).
    while (length + step <= kSize) {
      Bits next = passed;
      next.AndShifted(step);
      if (!next.Any()) break;
      passed = next;
      length += step;
      step = length;
    }
    for (; step > 0; step /= 2) {
      if (length + step > kSize) continue;
      Bits next = passed;
      next.AndShifted(step);
      if (!next.Any()) continue;
      passed = next;
      length += step;
    }
    return length;
  }

  // this &= this >> n, the bits taken as one long number; 0 < n <= kSize.
  void AndShifted(unsigned n) {
    if (n < 64) {
      // The common case, without a branch a word: what the compiler can unroll and vectorise.
      for (unsigned w = 0; w + 1 < kWords; ++w) {
        words_[w] &= (words_[w] >> n) | (words_[w + 1] << (64 - n));
      }
      words_[kWords - 1] &= words_[kWords - 1] >> n;
      return;
    }
    const unsigned skip = n / 64;
    const unsigned shift = n % 64;
    for (unsigned w = 0; w < kWords; ++w) {
      const unsigned from = w + skip;
      uint64_t moved = from < kWords ? words_[from] >> shift : 0;
      if (shift != 0 && from + 1 < kWords) moved |= words_[from + 1] << (64 - shift);
      words_[w] &= moved;
    }
  }

  template <typename F>
  static void ForRange(unsigned first, unsigned n, F f) {
    while (n > 0) {
      const unsigned bit = first % 64;
      const unsigned here = n < 64 - bit ? n : 64 - bit;
      f(first / 64, (~uint64_t{0} >> (64 - here)) << bit);
      first += here;
      n -= here;
    }
  }

  uint64_t words_[kWords] = {};
};

}  // namespace hz3

#endif  // HZ3_BASE_BITS_H_
