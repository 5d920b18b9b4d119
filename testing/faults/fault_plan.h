// FaultPlan: which system calls of an allocator shall fail. A plan is text, so that a failing run
// can be repeated from its report:
//
//   plan   part,part,...          "" fails nothing
//   part   call@N                 the N-th such call (from 0) fails, once
//          call@N+                that one and all after it fail
//          call%P:SEED            each such call fails with a probability of P percent
//          commit<M               calls that make memory writable fail beyond M MiB in all, as the
//                                 kernel's do in overcommit mode 2
//   call   mmap, mprotect, madvise, mremap, key, setspecific, atfork, or any
//
// Thread-safe and free of allocations: it is asked from inside malloc, also before main.
#ifndef TESTING_FAULTS_FAULT_PLAN_H_
#define TESTING_FAULTS_FAULT_PLAN_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hz3::testlib {

enum class OsCall { kMmap, kMprotect, kMadvise, kMremap, kKey, kSetSpecific, kAtFork };
inline constexpr unsigned kOsCalls = 7;
extern const char* const kOsCallNames[kOsCalls];

class FaultPlan {
 public:
  constexpr FaultPlan() = default;

  // Takes up a plan, before any other thread asks. False when the text is none; nothing fails then.
  bool Parse(const char* text);
  // From now on nothing fails. Any thread.
  void Clear() { active_.store(false, std::memory_order_relaxed); }

  // Counts the call and says whether it shall fail.
  bool Fails(OsCall call);
  // Whether `bytes` more may become writable; counts them if so. Bytes that are given back are not
  // seen, so a plan with a budget is stricter than the kernel.
  bool MayCommit(size_t bytes);

  // How many such calls there were, those that failed too.
  uint64_t calls(OsCall call) const { return rule(call).seen.load(std::memory_order_relaxed); }
  uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  struct Rule {
    // Relaxed: counters; which of two calls at once is the N-th does not matter.
    std::atomic<uint64_t> seen{0};
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
    unsigned percent = 0;
    uint64_t seed = 0;
  };
  static constexpr size_t kNoBudget = SIZE_MAX;

  const Rule& rule(OsCall call) const { return rules_[static_cast<unsigned>(call)]; }
  const char* ParsePart(const char* text);
  bool Note(bool fails);

  Rule rules_[kOsCalls];
  size_t budget_ = kNoBudget;
  std::atomic<size_t> committed_{0};
  std::atomic<uint64_t> failed_{0};
  std::atomic<bool> active_{false};
};

}  // namespace hz3::testlib

#endif  // TESTING_FAULTS_FAULT_PLAN_H_
