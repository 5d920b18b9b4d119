// The random numbers of the benches: xoshiro256** seeded by splitmix64. Every bit of a draw is of
// good quality, so the two 32-bit halves of one draw may be used as independent numbers.
// One generator per thread; not thread-safe.
#ifndef BENCH_LIB_RNG_H_
#define BENCH_LIB_RNG_H_

#include <bit>
#include <cstdint>

namespace hz3::bench {

// One step of splitmix64: turns any two different states into unrelated numbers.
constexpr uint64_t SplitMix64(uint64_t* state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

class Rng {
 public:
  // `stream` separates the generators of threads that share one seed.
  constexpr explicit Rng(uint64_t seed, uint64_t stream = 0) {
    uint64_t mixed_stream = stream;
    uint64_t state = seed ^ SplitMix64(&mixed_stream);
    for (uint64_t& word : state_) word = SplitMix64(&state);
  }

  constexpr uint64_t Next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  uint64_t state_[4] = {};
};

constexpr uint32_t HighHalf(uint64_t draw) { return static_cast<uint32_t>(draw >> 32); }
constexpr uint32_t LowHalf(uint64_t draw) { return static_cast<uint32_t>(draw); }

// Maps 32 random bits onto [0, n) without a division; the bias is below n / 2^32.
constexpr uint32_t ScaleTo(uint32_t bits, uint32_t n) {
  return static_cast<uint32_t>((uint64_t{bits} * n) >> 32);
}

}  // namespace hz3::bench

#endif  // BENCH_LIB_RNG_H_
