// `your-program` of the pages: what a reader would run on hz3. Four threads allocate blocks of 16
// bytes to 32 KiB, free half of them themselves and leave the others to the next thread. Takes
// milliseconds (default 1500), and ends well also where some memory is refused.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace {

constexpr size_t kThreads = 4;
constexpr size_t kLive = 400;
using Clock = std::chrono::steady_clock;

// What a thread gets from its neighbour to free.
struct Letterbox {
  std::mutex mutex;
  std::vector<void*> blocks;
};
std::array<Letterbox, kThreads> letterboxes;

void Deliver(size_t thread, void* block) {
  Letterbox& letterbox = letterboxes[(thread + 1) % kThreads];
  const std::lock_guard hold(letterbox.mutex);
  letterbox.blocks.push_back(block);
}

void FreeWhatCame(size_t thread) {
  std::vector<void*> blocks;
  {
    const std::lock_guard hold(letterboxes[thread].mutex);
    blocks.swap(letterboxes[thread].blocks);
  }
  for (void* block : blocks) std::free(block);
}

void Work(size_t thread, Clock::time_point end) {
  std::vector<void*> live(kLive);
  unsigned random = static_cast<unsigned>(thread) + 1;
  while (Clock::now() < end) {
    for (int i = 0; i < 100; ++i) {
      random = random * 1664525 + 1013904223;
      void*& block = live[(random >> 8) % kLive];
      (random >> 20) % 2 == 0 ? std::free(block) : Deliver(thread, block);
      const size_t bytes = size_t{16} << ((random >> 24) % 12);
      block = std::malloc(bytes);
      if (block != nullptr) std::memset(block, 1, bytes);
    }
    FreeWhatCame(thread);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (void* block : live) std::free(block);
}

}  // namespace

int main(int argc, char** argv) {
  const int ms = argc > 1 ? std::atoi(argv[1]) : 1500;
  const auto end = Clock::now() + std::chrono::milliseconds(ms);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) threads.emplace_back(Work, i, end);
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < kThreads; ++i) FreeWhatCame(i);
  std::puts("done");
  return 0;
}
