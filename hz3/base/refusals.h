// Refusals: how often the kernel, or a filter before it, refused a call that hz3 can do without: an
// old kernel, seccomp in a container, /proc not mounted. Each has something that hz3 does instead;
// the figures say so to whoever wonders why more memory stays.
//
// Thread-safe. Event paths only.
#ifndef HZ3_BASE_REFUSALS_H_
#define HZ3_BASE_REFUSALS_H_

#include <atomic>
#include <cstdint>

namespace hz3 {

// X(name): the call, or where the file is. What happens instead: docs/stats.md, as refused_<name>.
#define HZ3_REFUSAL_TABLE(X) \
  X(membarrier)              \
  X(madvise)                 \
  X(mremap)                  \
  X(mincore)                 \
  X(sched_getaffinity)       \
  X(getrandom)               \
  X(proc)

struct Refusals {
  // Relaxed, all of them: figures.
#define HZ3_DECLARE_REFUSAL(name) std::atomic<uint64_t> name{0};
  HZ3_REFUSAL_TABLE(HZ3_DECLARE_REFUSAL)
#undef HZ3_DECLARE_REFUSAL
};
extern constinit Refusals refusals;

inline void CountRefusal(std::atomic<uint64_t>& refusal) {
  refusal.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace hz3

#endif  // HZ3_BASE_REFUSALS_H_
