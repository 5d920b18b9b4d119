#include "bench/synthetic/strings.h"

#include <array>
#include <deque>
#include <new>
#include <string>
#include <vector>

#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

constexpr size_t kListsKept = 32;
constexpr size_t kStrings = 100;
constexpr size_t kAppends = 16;

class Writer {
 public:
  Writer(const SyntheticOptions& options, uint64_t index)
      : options_(options), rng_(options.seed, index) {}

  void Run(uint64_t lists) {
    for (uint64_t i = 0; i < lists; ++i) kept_[i % kListsKept] = MakeList();
  }

  void DropAll() { kept_ = {}; }
  uint64_t bytes() const { return bytes_; }
  const Tally& tally() const { return tally_; }

 private:
  using List = std::vector<std::string>;

  List MakeList() {
    List list;
    try {
      for (size_t i = 0; i < kStrings; ++i) list.push_back(MakeString());
    } catch (const std::bad_alloc&) {
      tally_.CountFailure();
    }
    return list;
  }

  std::string MakeString() {
    std::string text;
    for (size_t i = 0; i < kAppends; ++i) {
      const uint64_t draw = rng_.Next();
      text.append(UniformSize(options_, LowHalf(draw)), static_cast<char>('a' + draw % 16));
    }
    bytes_ += text.size();
    return text;
  }

  const SyntheticOptions& options_;
  Rng rng_;
  std::array<List, kListsKept> kept_;
  uint64_t bytes_ = 0;
  Tally tally_;
};

}  // namespace

SyntheticResult RunStrings(const SyntheticOptions& options) {
  SyntheticResult result;
  std::deque<Writer> writers;
  for (uint64_t i = 0; i < options.threads; ++i) writers.emplace_back(options, i);
  Crew crew(options.threads);
  const uint64_t lists = RoundsPerPart(options.ops, options.threads, kStrings * kAppends);

  const Stopwatch watch;
  crew.Run([&](size_t thread) { writers[thread].Run(lists); });
  watch.Stop(&result);

  result.ops = options.threads * lists * kStrings * kAppends;
  for (Writer& writer : writers) {
    writer.DropAll();
    writer.tally().AddTo(&result);
    result.checksum += writer.bytes();
  }
  return result;
}

}  // namespace hz3::bench
