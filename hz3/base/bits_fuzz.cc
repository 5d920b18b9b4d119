// Bits against an array of booleans, with each search written as its definition says.

#include <algorithm>
#include <array>

#include "hz3/base/bits.h"
#include "testing/fuzz/fuzz_input.h"

namespace hz3 {
namespace {

using fuzz::FuzzInput;
using fuzz::Require;

template <unsigned kWords>
class BitsFuzz {
 public:
  explicit BitsFuzz(FuzzInput& input) : input_(input) {}

  void Run() {
    while (!input_.empty()) {
      Change();
      Look();
    }
  }

 private:
  static constexpr unsigned kSize = Bits<kWords>::kSize;

  void Change() {
    const unsigned first = input_.Below(kSize);
    const unsigned n = input_.Below(kSize - first + 1);
    switch (input_.Below(5)) {
      case 0:
        bits_.Set(first);
        naive_[first] = true;
        break;
      case 1:
        bits_.Clear(first);
        naive_[first] = false;
        break;
      case 2:
        bits_.SetRange(first, n);
        std::fill_n(naive_.begin() + first, n, true);
        break;
      case 3:
        bits_.ClearRange(first, n);
        std::fill_n(naive_.begin() + first, n, false);
        break;
      default:
        bits_ = ~bits_;
        for (bool& bit : naive_) bit = !bit;
    }
  }

  // The set run that begins at i, 0 where none does.
  unsigned RunAt(unsigned i) const {
    unsigned n = 0;
    while (i + n < kSize && naive_[i + n]) ++n;
    return n;
  }

  void Look() {
    const unsigned from = input_.Below(kSize);
    const unsigned n = 1 + input_.Below(kSize);
    const unsigned end = from + input_.Below(kSize - from + 1);
    const auto at = [this](unsigned i) { return naive_.begin() + i; };
    Require(bits_.Test(from) == naive_[from], "Test");
    Require(bits_.CountRange(from, end - from) ==
                static_cast<unsigned>(std::count(at(from), at(end), true)),
            "CountRange");
    Require(bits_.Count() == static_cast<unsigned>(std::count(at(0), naive_.end(), true)), "Count");
    Require(bits_.Any() == (bits_.Count() > 0), "Any");
    Require(bits_.NextSet(from) == Index(std::find(at(from), naive_.end(), true)), "NextSet");
    Require(bits_.NextClear(from) == Index(std::find(at(from), naive_.end(), false)), "NextClear");
    unsigned begin = from;
    while (begin > 0 && naive_[begin - 1]) --begin;
    Require(bits_.RunBegin(from) == begin, "RunBegin");
    LookForRuns(n, from);
  }

  void LookForRuns(unsigned n, unsigned from) {
    const Bits<kWords> runs = bits_.RunsOf(n);
    const Bits<kWords> exact = bits_.ExactRunsOf(n);
    unsigned longest = 0;
    unsigned first = kSize;
    for (unsigned i = kSize; i-- > 0;) {
      const unsigned run = RunAt(i);
      const bool begins = i == 0 || !naive_[i - 1];
      longest = std::max(longest, run);
      Require(runs.Test(i) == (run >= n), "RunsOf");
      Require(exact.Test(i) == (run == n && begins), "ExactRunsOf");
      if (i >= from && run >= n) first = i;
    }
    Require(bits_.LongestRun() == longest, "LongestRun");
    if (from == 0 || !naive_[from - 1]) Require(bits_.FirstRun(n, from) == first, "FirstRun");
  }

  unsigned Index(typename std::array<bool, kSize>::const_iterator it) const {
    return static_cast<unsigned>(it - naive_.begin());
  }

  FuzzInput& input_;
  Bits<kWords> bits_;
  std::array<bool, kSize> naive_ = {};
};

}  // namespace
}  // namespace hz3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hz3::fuzz::FuzzInput input(data, size);
  switch (input.Below(3)) {
    case 0:
      hz3::BitsFuzz<1>(input).Run();
      break;
    case 1:
      hz3::BitsFuzz<3>(input).Run();
      break;
    default:
      hz3::BitsFuzz<8>(input).Run();
  }
  return 0;
}
