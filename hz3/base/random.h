// Random numbers that a program cannot foresee: a secret of the process, and a cheap sequence for
// each thread that begins with it. Good enough to hide where blocks come from and to key checksums;
// not for cryptography.
//
// Any thread, at any time, also before main and in the child of a fork, which keeps the secret.
// Slow path.
#ifndef HZ3_BASE_RANDOM_H_
#define HZ3_BASE_RANDOM_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

// Never 0, the same for the life of the process.
uint64_t ProcessSecret();

// The next number of the calling thread.
uint32_t NextRandom();
// One of [0, n); n > 0.
inline uint32_t RandomBelow(uint32_t n) {
  return static_cast<uint32_t>((uint64_t{NextRandom()} * n) >> 32);
}

// Every bit of the result depends on every bit of `x` (the finalizer of MurmurHash3).
constexpr uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
  return x ^ (x >> 33);
}

// Puts the n pointers in a random order.
void Shuffle(void** pointers, size_t n);

}  // namespace hz3

#endif  // HZ3_BASE_RANDOM_H_
