#include "hz3/background_purge.h"

#include <linux/prctl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "hz3/base/lease.h"
#include "hz3/config/config.h"
#include "hz3/heap.h"
#include "hz3/policy/budget_settings.h"

namespace hz3 {
namespace {

// A thread that is created in this scope is bothered by no signal of the program's. Those that the
// C library keeps for itself (32 to 34: cancellation, setuid(2) of all threads) are left alone. By
// the system call: each function of the C library would cost every process some time to bind.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kAll, &before_, sizeof(before_));
  }
  ~AllSignalsBlocked() {
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof(before_));
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  static constexpr uint64_t kAll = ~(uint64_t{7} << 31);  // signal n is bit n - 1
  uint64_t before_ = 0;
};

// When the library is loaded: there are no threads yet, and nobody is inside of malloc.
__attribute__((constructor)) void StartAsTheEnvironmentSays() {
  if constexpr (!kConfig.background_purge) return;
  const size_t ms = MsFromEnvironment("HZ3_BACKGROUND_PURGE_MS", BackgroundPurge::kMaxIntervalMs);
  if (ms != 0) background_purge.Start(ms);
}

}  // namespace

constinit BackgroundPurge background_purge;

IdleWatch::Action IdleWatch::Look(uint64_t activity) {
  if (activity != seen_) {
    seen_ = activity;
    gave_back_ = false;
    return Action::kLetDecay;
  }
  if (gave_back_) return Action::kNothing;
  gave_back_ = true;
  return Action::kGiveBack;
}

int BackgroundPurge::Start(size_t interval_ms) {
  if constexpr (!kConfig.background_purge) return ENOTSUP;
  if (interval_ms < 1 || interval_ms > kMaxIntervalMs) return EINVAL;
  if (!registered_.exchange(true, std::memory_order_relaxed)) {
    const int error = pthread_atfork(nullptr, nullptr, ResetInChild);
    if (error != 0) {
      registered_.store(false, std::memory_order_relaxed);
      return error;
    }
  }
  interval_ms_.store(static_cast<uint32_t>(interval_ms), std::memory_order_release);
  FutexWake(&interval_ms_, 1);
  if (running_.exchange(true, std::memory_order_acq_rel)) return 0;
  const int error = CreateThread();
  if (error != 0) running_.store(false, std::memory_order_release);
  return error;
}

void BackgroundPurge::Stop() {
  interval_ms_.store(0, std::memory_order_release);
  FutexWake(&interval_ms_, 1);
}

int BackgroundPurge::CreateThread() {
  const AllSignalsBlocked blocked;
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, RunThread, this);
  if (error == 0) pthread_detach(thread);
  return error;
}

void BackgroundPurge::ResetInChild() {
  background_purge.interval_ms_.store(0, std::memory_order_relaxed);
  background_purge.running_.store(false, std::memory_order_relaxed);
}

void* BackgroundPurge::RunThread(void* self) {
  syscall(SYS_prctl, PR_SET_NAME, "hz3-purge", 0, 0, 0);
  static_cast<BackgroundPurge*>(self)->Run();
  return nullptr;
}

void BackgroundPurge::Run() {
  IdleWatch watch;
  while (!MayEnd()) {
    const uint32_t interval_ms = interval_ms_.load(std::memory_order_acquire);
    if (interval_ms == 0) continue;
    FutexWait(&interval_ms_, interval_ms, interval_ms * 1000);
    // Another one, or 0: woken for that.
    if (interval_ms_.load(std::memory_order_acquire) == interval_ms) Look(watch);
  }
}

// Whether the thread ends now; it is nobody's any more then.
bool BackgroundPurge::MayEnd() {
  const auto has_work = [this] {
    return interval_ms_.load(std::memory_order_seq_cst) != 0 && heap.threads() > 0;
  };
  if (has_work()) return false;
  running_.store(false, std::memory_order_seq_cst);
  // Somebody who started it meanwhile may have seen it running.
  return !has_work() || running_.exchange(true, std::memory_order_acq_rel);
}

void BackgroundPurge::Look(IdleWatch& watch) {
  switch (watch.Look(heap.Activity())) {
    case IdleWatch::Action::kLetDecay:
      heap.LetDecay();
      break;
    case IdleWatch::Action::kGiveBack:
      heap.TrimIdle();
      watch.SetActivity(heap.Activity());
      break;
    case IdleWatch::Action::kNothing:
      break;
  }
}

}  // namespace hz3
