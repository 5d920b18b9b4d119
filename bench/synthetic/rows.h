// SyntheticRows: every row of the matrix that compares allocators on made-up loads. A row is one
// program and its arguments; it prints a Report (bench/lib/report.h) with at least malloc, ops,
// seconds, cpu_ns_per_op, peak_rss_bytes, own_rss_bytes and alloc_failed.
//
// The op counts are such that one run takes 0.1 to 1.5 s under glibc on two cores, and the whole
// table under one allocator less than a minute. The programs come along as runfiles.
#ifndef BENCH_SYNTHETIC_ROWS_H_
#define BENCH_SYNTHETIC_ROWS_H_

#include <string>
#include <vector>

namespace hz3::bench {

struct SyntheticRow {
  std::string name;  // letters, digits and '_'; unique
  std::string help;
  std::string program;  // runfile path, like "bench/synthetic/synthetic"
  std::vector<std::string> args;
  // Blocks that nobody writes are freed by another thread: an allocator that keeps nothing in the
  // block looks better here than in any program that uses its memory.
  bool remote_unwritten = false;
  bool filled = false;  // every byte of every block is written
};

// Always in the same order.
const std::vector<SyntheticRow>& SyntheticRows();

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_ROWS_H_
