// A small deterministic generator (SplitMix64): the same seed gives the same test everywhere. One
// per thread.

#ifndef TESTING_LIB_RANDOM_H_
#define TESTING_LIB_RANDOM_H_

#include <cstddef>
#include <cstdint>

namespace hz3::testlib {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound).
  std::size_t Below(std::size_t bound) { return static_cast<std::size_t>(Next() % bound); }

  // Uniform in [low, high].
  std::size_t Between(std::size_t low, std::size_t high) { return low + Below(high - low + 1); }

 private:
  std::uint64_t state_;
};

// A size as programs ask for them: each power of two up to `largest` is as likely as the next.
inline std::size_t LogUniformSize(Random& random, std::size_t largest) {
  std::size_t bits = 1;
  while ((std::size_t{1} << bits) < largest) ++bits;
  const std::size_t top = std::size_t{1} << random.Between(1, bits);
  return random.Between(1, top < largest ? top : largest);
}

}  // namespace hz3::testlib

#endif  // TESTING_LIB_RANDOM_H_
