#include "bench/synthetic/pipeline.h"

#include <time.h>

#include <atomic>
#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/lib/spsc_ring.h"
#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kRingSlots = 4096;
constexpr long kEmptyNapNanos = 20'000;
constexpr int64_t kFullWaitNanos = 1'000'000;

void Nap() {
  const timespec time = {0, kEmptyNapNanos};
  nanosleep(&time, nullptr);
}

// A ring with its two ends' places.
struct Link {
  Link(uint64_t producer_index, uint64_t consumer_index)
      : producer(producer_index),
        consumer(consumer_index),
        ring(kRingSlots, SpscRing::kNoByteLimit) {}

  const uint64_t producer;
  const uint64_t consumer;
  SpscRing ring;
};

using Rings = std::vector<SpscRing*>;

struct Shared {
  const SyntheticOptions& options;
  const uint64_t batch;
  std::atomic<uint64_t> producers_at_work;
};

class Producer {
 public:
  Producer(Shared* shared, uint64_t index, Rings outboxes)
      : shared_(*shared),
        rng_(shared->options.seed, index),
        outboxes_(std::move(outboxes)),
        made_(shared->batch) {}

  void Run(uint64_t batches) {
    for (uint64_t i = 0; i < batches; ++i) {
      for (Block& block : made_) block = Make();
      SpscRing* outbox = outboxes_[i % outboxes_.size()];
      for (const Block& block : made_) Push(outbox, block);
    }
    // Release: a consumer that sees no producer at work sees all that was pushed.
    shared_.producers_at_work.fetch_sub(1, std::memory_order_release);
  }

  const Tally& tally() const { return tally_; }
  uint64_t OwnBytes() const { return made_.Bytes(); }

 private:
  Block Make() {
    const uint64_t size = UniformSize(shared_.options, LowHalf(rng_.Next()));
    return {tally_.Allocate(size, shared_.options.writes), size};
  }

  static void Push(SpscRing* outbox, const Block& block) {
    while (!outbox->Push(block)) outbox->WaitForRoom(block.size, kFullWaitNanos);
  }

  Shared& shared_;
  Rng rng_;
  const Rings outboxes_;
  MappedArray<Block> made_;
  Tally tally_;
};

class Consumer {
 public:
  Consumer(Shared* shared, Rings inboxes) : shared_(*shared), inboxes_(std::move(inboxes)) {}

  void Run() {
    while (shared_.producers_at_work.load(std::memory_order_acquire) != 0) {
      if (!FreeWhatCame(shared_.batch)) Nap();
    }
    FreeWhatCame(1);
  }

  const Tally& tally() const { return tally_; }

 private:
  // Leaves rings alone that hold fewer than `least`; false when that were all.
  bool FreeWhatCame(uint64_t least) {
    bool any = false;
    for (SpscRing* inbox : inboxes_) {
      const uint64_t pending = inbox->Pending();
      if (pending < least) continue;
      inbox->Drain(pending, [this](const Block& block) { tally_.Free(block.pointer); });
      inbox->WakeProducer();
      any = true;
    }
    return any;
  }

  Shared& shared_;
  const Rings inboxes_;
  Tally tally_;
};

struct Ends {
  uint64_t producers;
  uint64_t consumers;
};

Ends EndsOf(PipelineShape shape, uint64_t threads) {
  const uint64_t others = std::max<uint64_t>(threads, 2) - 1;
  if (shape == PipelineShape::kOneToMany) return {1, others};
  if (shape == PipelineShape::kManyToOne) return {others, 1};
  const uint64_t pairs = std::max<uint64_t>(threads / 2, 1);
  return {pairs, pairs};
}

// Pairs share a ring one to one; a single end shares one with each of the other side.
std::deque<Link> MakeLinks(PipelineShape shape, Ends ends) {
  std::deque<Link> links;
  for (uint64_t i = 0; i < std::max(ends.producers, ends.consumers); ++i) {
    links.emplace_back(shape == PipelineShape::kOneToMany ? 0 : i,
                       shape == PipelineShape::kManyToOne ? 0 : i);
  }
  return links;
}

Rings OutboxesOf(std::deque<Link>* links, uint64_t producer) {
  Rings rings;
  for (Link& link : *links) {
    if (link.producer == producer) rings.push_back(&link.ring);
  }
  return rings;
}

Rings InboxesOf(std::deque<Link>* links, uint64_t consumer) {
  Rings rings;
  for (Link& link : *links) {
    if (link.consumer == consumer) rings.push_back(&link.ring);
  }
  return rings;
}

}  // namespace

SyntheticResult RunPipeline(const SyntheticOptions& options, PipelineShape shape, uint64_t batch) {
  SyntheticResult result;
  const Ends ends = EndsOf(shape, options.threads);
  std::deque<Link> links = MakeLinks(shape, ends);
  Shared shared{options, batch, ends.producers};
  std::deque<Producer> producers;
  std::deque<Consumer> consumers;
  for (uint64_t i = 0; i < ends.producers; ++i) {
    producers.emplace_back(&shared, i, OutboxesOf(&links, i));
  }
  for (uint64_t i = 0; i < ends.consumers; ++i) {
    consumers.emplace_back(&shared, InboxesOf(&links, i));
  }
  Crew crew(ends.producers + ends.consumers);
  const uint64_t batches = RoundsPerPart(options.ops, ends.producers, 2 * batch);

  const Stopwatch watch;
  crew.Run([&](size_t thread) {
    if (thread < ends.producers) {
      producers[thread].Run(batches);
    } else {
      consumers[thread - ends.producers].Run();
    }
  });
  watch.Stop(&result);

  result.ops = ends.producers * batches * batch * 2;
  for (const Producer& producer : producers) {
    producer.tally().AddTo(&result);
    result.checksum += producer.tally().asked_bytes();
    result.own_rss_bytes += producer.OwnBytes();
  }
  for (const Consumer& consumer : consumers) consumer.tally().AddTo(&result);
  for (const Link& link : links) result.own_rss_bytes += link.ring.TouchedBytes();
  return result;
}

}  // namespace hz3::bench
