// Producer and consumer: in each pair one thread allocates and never frees, the other frees and
// never allocates. What the consumer has got lies in slots; a new block takes the place of a random
// one, which is freed. More and more slots come into use.
#ifndef BENCH_WORKLOADS_PRODUCER_CONSUMER_H_
#define BENCH_WORKLOADS_PRODUCER_CONSUMER_H_

#include <cstdint>
#include <memory>

#include "bench/workloads/size_range.h"
#include "bench/workloads/workload.h"

namespace hz3::bench {

struct ProducerConsumerShape {
  uint64_t pairs = 4;
  SizeRange sizes;
};

std::unique_ptr<Workload> MakeProducerConsumer(const ProducerConsumerShape& shape,
                                               const FillOptions& options, Ledger* ledger);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_PRODUCER_CONSUMER_H_
