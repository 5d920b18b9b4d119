#include "hz3/base/bits.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

using Eight = Bits<8>;

// The same bitmap as an array of bool, with every search written as the definition says.
class NaiveBits {
 public:
  explicit NaiveBits(unsigned size) : bits_(size, false) {}

  unsigned size() const { return static_cast<unsigned>(bits_.size()); }
  bool Test(unsigned i) const { return bits_[i]; }
  void Fill(unsigned first, unsigned n, bool value) {
    for (unsigned i = first; i < first + n; ++i) bits_[i] = value;
  }
  unsigned Count(unsigned first, unsigned n) const {
    unsigned count = 0;
    for (unsigned i = first; i < first + n; ++i) count += bits_[i];
    return count;
  }
  unsigned Next(unsigned from, bool value) const {
    for (unsigned i = from; i < size(); ++i) {
      if (bits_[i] == value) return i;
    }
    return size();
  }
  unsigned RunBegin(unsigned from) const {
    while (from > 0 && bits_[from - 1]) --from;
    return from;
  }
  bool RunAt(unsigned first, unsigned n) const {
    return first + n <= size() && Count(first, n) == n;
  }
  bool ExactRunAt(unsigned first, unsigned n) const {
    return RunAt(first, n) && (first == 0 || !bits_[first - 1]) &&
           (first + n == size() || !bits_[first + n]);
  }
  unsigned LongestRun() const {
    unsigned longest = 0;
    unsigned length = 0;
    for (bool bit : bits_) {
      length = bit ? length + 1 : 0;
      longest = std::max(longest, length);
    }
    return longest;
  }

 private:
  std::vector<bool> bits_;
};

// A bitmap and its naive twin after random range operations of random lengths.
template <unsigned kWords>
class Twins {
 public:
  explicit Twins(uint64_t seed) : random_(seed) {}

  unsigned Below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

  void Step() {
    const unsigned first = Below(naive.size());
    const unsigned most = std::min(naive.size() - first, 1u << Below(10));
    const unsigned n = Below(most + 1);
    const bool value = Below(2) == 0;
    if (value) {
      bits.SetRange(first, n);
    } else {
      bits.ClearRange(first, n);
    }
    naive.Fill(first, n, value);
    const unsigned single = Below(naive.size());
    if (Below(2) == 0) {
      bits.Set(single);
      naive.Fill(single, 1, true);
    } else {
      bits.Clear(single);
      naive.Fill(single, 1, false);
    }
  }

  Bits<kWords> bits;
  NaiveBits naive{Bits<kWords>::kSize};

 private:
  std::mt19937_64 random_;
};

template <unsigned kWords>
void ExpectSameBits(const Twins<kWords>& twins) {
  for (unsigned i = 0; i < twins.naive.size(); ++i) {
    ASSERT_EQ(twins.bits.Test(i), twins.naive.Test(i)) << "bit " << i;
  }
}

template <unsigned kWords>
void ExpectSameSearches(const Twins<kWords>& twins) {
  const NaiveBits& naive = twins.naive;
  for (unsigned i = 0; i <= naive.size(); ++i) {
    ASSERT_EQ(twins.bits.NextSet(i), naive.Next(i, true)) << "from " << i;
    ASSERT_EQ(twins.bits.NextClear(i), naive.Next(i, false)) << "from " << i;
    ASSERT_EQ(twins.bits.RunBegin(i), naive.RunBegin(i)) << "from " << i;
  }
  ASSERT_EQ(twins.bits.LongestRun(), naive.LongestRun());
  ASSERT_EQ(twins.bits.Count(), naive.Count(0, naive.size()));
  ASSERT_EQ(twins.bits.Any(), naive.Count(0, naive.size()) > 0);
}

template <unsigned kWords>
void ExpectSameRuns(const Twins<kWords>& twins, unsigned n) {
  const Bits<kWords> runs = twins.bits.RunsOf(n);
  const Bits<kWords> exact = twins.bits.ExactRunsOf(n);
  ASSERT_TRUE(exact == twins.bits.ExactOf(runs, n));
  for (unsigned i = 0; i < twins.naive.size(); ++i) {
    ASSERT_EQ(runs.Test(i), twins.naive.RunAt(i, n)) << "run of " << n << " at " << i;
    ASSERT_EQ(exact.Test(i), twins.naive.ExactRunAt(i, n)) << "exact " << n << " at " << i;
    if (i == 0 || !twins.naive.RunAt(i - 1, 1)) {
      ASSERT_EQ(twins.bits.FirstRun(n, i), runs.NextSet(i)) << "run of " << n << " from " << i;
    }
  }
}

template <unsigned kWords>
void ExpectSameAsNaive(uint64_t seed, unsigned steps) {
  SCOPED_TRACE(::testing::Message() << kWords << " words, seed " << seed);
  Twins<kWords> twins(seed);
  for (unsigned step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
    twins.Step();
    ExpectSameBits(twins);
    ExpectSameSearches(twins);
    const unsigned first = twins.Below(twins.naive.size());
    const unsigned n = twins.Below(twins.naive.size() - first + 1);
    ASSERT_EQ(twins.bits.CountRange(first, n), twins.naive.Count(first, n));
    ExpectSameRuns(twins, 1 + twins.Below(12));
    ExpectSameRuns(twins, 1 + twins.Below(twins.naive.size()));
  }
}

TEST(Bits, AgreeWithAnArrayOfBoolAfterRandomRangeOperations) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    ExpectSameAsNaive<8>(seed, 150);
    ExpectSameAsNaive<1>(seed, 100);
    ExpectSameAsNaive<2>(seed, 100);
  }
}

TEST(Bits, BeginAllClear) {
  const Eight bits;
  EXPECT_FALSE(bits.Any());
  EXPECT_EQ(bits.Count(), 0u);
  EXPECT_EQ(bits.LongestRun(), 0u);
  EXPECT_EQ(bits.NextSet(0), Eight::kNone);
  EXPECT_FALSE(bits.RunsOf(1).Any());
}

TEST(Bits, AllSetAreOneRunOfTheWholeLength) {
  const Eight bits = ~Eight();
  EXPECT_EQ(bits.LongestRun(), Eight::kSize);
  EXPECT_EQ(bits.NextClear(0), Eight::kNone);
  EXPECT_EQ(bits.RunBegin(Eight::kSize), 0u);
  Eight first_only;
  first_only.Set(0);
  EXPECT_TRUE(bits.RunsOf(Eight::kSize) == first_only);
  EXPECT_TRUE(bits.ExactRunsOf(Eight::kSize) == first_only);
  EXPECT_FALSE(bits.ExactRunsOf(Eight::kSize - 1).Any());
}

TEST(Bits, RunOfEveryLengthAtEveryPlaceIsFound) {
  for (unsigned n = 1; n <= Eight::kSize; n += 1 + n / 8) {
    for (unsigned first = 0; first + n <= Eight::kSize; first += 1 + first / 16) {
      Eight bits;
      bits.SetRange(first, n);
      ASSERT_EQ(bits.LongestRun(), n) << "at " << first;
      Eight start;
      start.Set(first);
      ASSERT_TRUE(bits.RunsOf(n) == start) << n << " at " << first;
      ASSERT_TRUE(bits.ExactRunsOf(n) == start) << n << " at " << first;
      ASSERT_EQ(bits.Count(), n);
    }
  }
}

TEST(Bits, CombineBitByBit) {
  Eight a, b;
  a.SetRange(0, 100);
  b.SetRange(50, 100);
  EXPECT_EQ((a & b).Count(), 50u);
  EXPECT_EQ((a & b).NextSet(0), 50u);
  EXPECT_EQ((a | b).Count(), 150u);
  EXPECT_EQ((~a).NextSet(0), 100u);
  EXPECT_FALSE(a == b);
  EXPECT_TRUE((~~a) == a);
}

}  // namespace
}  // namespace hz3
