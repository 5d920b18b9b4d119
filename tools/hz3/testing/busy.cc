// Allocates and frees in two threads, blocks of all kinds, until it is killed or for so many
// milliseconds.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

void Work(unsigned seed, Clock::time_point end) {
  std::vector<void*> live(2000);
  unsigned random = seed;
  while (Clock::now() < end) {
    for (int i = 0; i < 1000; ++i) {
      random = random * 1664525 + 1013904223;
      void*& block = live[(random >> 8) % live.size()];
      std::free(block);
      const size_t size = size_t{16} << (random >> 28);
      block = std::malloc(size);
      std::memset(block, 1, std::min<size_t>(size, 64));
    }
  }
  for (void* block : live) std::free(block);
}

}  // namespace

int main(int argc, char** argv) {
  const auto end = argc > 1 ? Clock::now() + std::chrono::milliseconds(std::atoi(argv[1]))
                            : Clock::time_point::max();
  std::thread other(Work, 1, end);
  Work(2, end);
  other.join();
  return 0;
}
