#include "hz3/base/random.h"

#include <sys/auxv.h>
#include <sys/random.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "hz3/base/refusals.h"

namespace hz3 {
namespace {

// Relaxed: all who race store a secret, one of them stays, and it is read again.
constinit std::atomic<uint64_t> secret{0};
constinit thread_local uint64_t state = 0;

// The kernel's random bytes; those that it gave the process at its start where it has no more.
uint64_t FreshSecret() {
  const int saved = errno;
  uint64_t words[2] = {};
  if (getrandom(words, sizeof(words), GRND_NONBLOCK) != sizeof(words)) {
    CountRefusal(refusals.getrandom);
    const auto* start = reinterpret_cast<const void*>(getauxval(AT_RANDOM));
    if (start != nullptr) memcpy(words, start, sizeof(words));
  }
  errno = saved;
  return Mix(words[0] ^ Mix(words[1])) | 1;
}

}  // namespace

uint64_t ProcessSecret() {
  uint64_t known = secret.load(std::memory_order_relaxed);
  if (known != 0) [[likely]]
    return known;
  const uint64_t fresh = FreshSecret();
  return secret.compare_exchange_strong(known, fresh, std::memory_order_relaxed) ? fresh : known;
}

// Weyl sequence with a mixed output (splitmix64).
uint32_t NextRandom() {
  if (state == 0) state = ProcessSecret() ^ Mix(reinterpret_cast<uintptr_t>(&state));
  state += 0x9e3779b97f4a7c15u;
  return static_cast<uint32_t>(Mix(state) >> 32);
}

void Shuffle(void** pointers, size_t n) {
  for (size_t i = n; i > 1; --i) {
    const size_t j = RandomBelow(static_cast<uint32_t>(i));
    void* const other = pointers[j];
    pointers[j] = pointers[i - 1];
    pointers[i - 1] = other;
  }
}

}  // namespace hz3
