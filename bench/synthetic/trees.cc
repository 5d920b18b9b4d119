#include "bench/synthetic/trees.h"

#include <deque>
#include <new>

#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kMinDepth = 4;
constexpr uint64_t kMaxDepth = 16;
constexpr uint64_t kDepthStep = 2;

struct Node {
  Node* left;
  Node* right;
};

constexpr uint64_t NodesOf(uint64_t depth) { return (uint64_t{2} << depth) - 1; }
constexpr uint64_t TreesOf(uint64_t depth) { return uint64_t{1} << (kMaxDepth - depth); }

// The ops of one round: all depths, built and torn down.
constexpr uint64_t OpsPerRound() {
  uint64_t ops = 0;
  for (uint64_t depth = kMinDepth; depth <= kMaxDepth; depth += kDepthStep) {
    ops += 2 * TreesOf(depth) * NodesOf(depth);
  }
  return ops;
}

class Gardener {
 public:
  void PlantLongLived() { long_lived_ = Build(kMaxDepth); }

  void RunRound() {
    for (uint64_t depth = kMinDepth; depth <= kMaxDepth; depth += kDepthStep) {
      for (uint64_t i = 0; i < TreesOf(depth); ++i) BuildAndTearDown(depth);
    }
  }

  void TearDownLongLived() {
    TearDown(long_lived_);
    long_lived_ = nullptr;
  }

  uint64_t checked_nodes() const { return checked_nodes_; }
  const Tally& tally() const { return tally_; }

 private:
  void BuildAndTearDown(uint64_t depth) {
    Node* tree = Build(depth);
    checked_nodes_ += Count(tree);
    TearDown(tree);
  }

  Node* Build(uint64_t depth) {
    Node* node = new (std::nothrow) Node{nullptr, nullptr};
    if (node == nullptr) {
      tally_.CountFailure();
      return nullptr;
    }
    tally_.CountAlloc();
    if (depth == 0) return node;
    node->left = Build(depth - 1);
    node->right = Build(depth - 1);
    return node;
  }

  static uint64_t Count(const Node* node) {
    return node == nullptr ? 0 : 1 + Count(node->left) + Count(node->right);
  }

  void TearDown(Node* node) {
    if (node == nullptr) return;
    TearDown(node->left);
    TearDown(node->right);
    delete node;
    tally_.CountFree();
  }

  Node* long_lived_ = nullptr;
  uint64_t checked_nodes_ = 0;
  Tally tally_;
};

}  // namespace

SyntheticResult RunTrees(const SyntheticOptions& options) {
  SyntheticResult result;
  std::deque<Gardener> gardeners(options.threads);
  Crew crew(options.threads);
  crew.Run([&](size_t thread) { gardeners[thread].PlantLongLived(); });
  const uint64_t rounds = RoundsPerPart(options.ops, options.threads, OpsPerRound());

  const Stopwatch watch;
  crew.Run([&](size_t thread) {
    for (uint64_t i = 0; i < rounds; ++i) gardeners[thread].RunRound();
  });
  watch.Stop(&result);

  result.ops = options.threads * rounds * OpsPerRound();
  for (Gardener& gardener : gardeners) {
    gardener.TearDownLongLived();
    gardener.tally().AddTo(&result);
    result.checksum += gardener.checked_nodes();
  }
  return result;
}

}  // namespace hz3::bench
