// hz3/malloc_extension.h in C++11, linked with hz3, while another thread allocates: a walk over the
// segments meets what this thread holds. Exit code 0, or 1 and one line.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "hz3/malloc_extension.h"

namespace {

constexpr int kWalks = 200;
constexpr std::size_t kBlocks = 1000;

struct Totals {
  std::size_t segments;
  std::size_t out;
  std::vector<std::size_t> per_shard;
};

int Add(const hz3_segment* segment, void* arg) {
  auto* totals = static_cast<Totals*>(arg);
  ++totals->segments;
  totals->out += segment->blocks_out;
  if (!segment->is_block) totals->per_shard.push_back(segment->shard);
  return 0;
}

void AllocateAndFree(const std::atomic<bool>* done) {
  while (!*done) {
    std::vector<std::unique_ptr<char[]>> blocks;
    for (std::size_t i = 0; i < 100; ++i) blocks.emplace_back(new char[1 + i * i * 10]);
  }
}

}  // namespace

int main() {
  std::vector<std::unique_ptr<int>> blocks;
  for (std::size_t i = 0; i < kBlocks; ++i) blocks.emplace_back(new int(3));
  std::atomic<bool> done{false};
  std::thread other(AllocateAndFree, &done);
  int result = 0;
  for (int i = 0; i < kWalks && result == 0; ++i) {
    Totals totals = Totals();
    hz3_for_each_segment(Add, &totals);
    if (totals.segments == 0 || totals.out < kBlocks) {
      std::fprintf(stderr, "extension_cxx11: %zu segments with %zu blocks\n", totals.segments,
                   totals.out);
      result = 1;
    }
  }
  done = true;
  other.join();
  return result;
}
