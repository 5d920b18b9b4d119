// The allocators that a comparison runs: this project's, the C library's own, and other people's
// where they are installed.
#ifndef BENCH_LIB_ALLOCATORS_H_
#define BENCH_LIB_ALLOCATORS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hz3::bench {

struct Allocator {
  std::string name;
  std::string preload;  // path for LD_PRELOAD; empty for the C library's
  bool is_ours = false;
};

// hz3-scale and hz3-fast from the runfiles of the running program; what is not there is left out.
std::vector<Allocator> OurAllocators(std::string_view argv0);

// glibc, then each of mimalloc, jemalloc and tcmalloc that is installed on this machine.
std::vector<Allocator> PeerAllocators();

// A peer from "name=path"; nothing when the text is not of that form or the file is not there.
std::optional<Allocator> ParsePeer(std::string_view text);

}  // namespace hz3::bench

#endif  // BENCH_LIB_ALLOCATORS_H_
