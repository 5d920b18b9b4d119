// thread_churn: threads that live for one task. Each frees the blocks that its predecessor left,
// allocates 500 blocks, frees some of them itself, leaves the rest (remote_pct %) to its successor
// and ends. One op is one malloc or one free; the start of a thread is part of what is measured.
#ifndef BENCH_SYNTHETIC_THREAD_CHURN_H_
#define BENCH_SYNTHETIC_THREAD_CHURN_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

SyntheticResult RunThreadChurn(const SyntheticOptions& options);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_THREAD_CHURN_H_
