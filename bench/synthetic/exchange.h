// exchange: threads put blocks of heavy-tailed sizes into random slots of one table and free what
// was there, so that nearly every block is freed by another thread; threads end and are replaced.
// All slots are full when the measured part begins.
#ifndef BENCH_SYNTHETIC_EXCHANGE_H_
#define BENCH_SYNTHETIC_EXCHANGE_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

SyntheticResult RunExchange(const SyntheticOptions& options);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_EXCHANGE_H_
