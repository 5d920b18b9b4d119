// redis-server under the allocator, with redis-benchmark, which runs without it, as its client.
#ifndef BENCH_REAL_REDIS_H_
#define BENCH_REAL_REDIS_H_

#include <vector>

#include "bench/real/real_row.h"

namespace hz3::bench {

std::vector<RealRow> RedisRows();

}  // namespace hz3::bench

#endif  // BENCH_REAL_REDIS_H_
