// BackgroundPurge: a thread of hz3's own that gives memory back while the process is idle, for
// those who ask for one; malloc itself never starts it. It looks at the slow paths' counters: while
// they move it lets due decay happen in every shard, and when they stood still for a whole interval
// it empties the bins of all threads and gives every free page back, once, until they move again.
//
// Event path; any thread. The thread blocks all signals, holds nothing while it sleeps, has no
// cache, and never allocates. It ends when it is stopped and when no thread has a cache any more,
// so that it does not keep a process alive whose other threads have all ended. The child of a fork
// has none and may start one. Lanes without the switch `background_purge` have none at all.
#ifndef HZ3_BACKGROUND_PURGE_H_
#define HZ3_BACKGROUND_PURGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hz3 {

// Tells idle times from others. One thread.
class IdleWatch {
 public:
  enum class Action { kLetDecay, kGiveBack, kNothing };

  // What to do at the end of an interval, by how much had happened in all until then.
  Action Look(uint64_t activity);
  // To be told after giving back, which counts as activity itself.
  void SetActivity(uint64_t activity) { seen_ = activity; }

 private:
  uint64_t seen_ = 0;
  bool gave_back_ = false;
};

class BackgroundPurge {
 public:
  static constexpr size_t kMaxIntervalMs = size_t{3600} * 1000;

  // One look every so many milliseconds (1..kMaxIntervalMs) from now on. Returns 0 or an errno:
  // EINVAL, ENOTSUP in this lane, what pthread_create says.
  int Start(size_t interval_ms);
  // The thread ends soon.
  void Stop();

 private:
  static void* RunThread(void* self);
  static void ResetInChild();
  int CreateThread();
  void Run();
  bool MayEnd();
  void Look(IdleWatch& watch);

  // Release/acquire: who creates the thread and who ended one see the other's interval. The word
  // that the thread sleeps on; 0: it is to end.
  std::atomic<uint32_t> interval_ms_{0};
  // Acquire and release: whoever turns it from false to true creates the thread.
  std::atomic<bool> running_{false};
  // Relaxed: only who is first registers the handler.
  std::atomic<bool> registered_{false};
};

extern constinit BackgroundPurge background_purge __attribute__((visibility("hidden")));

}  // namespace hz3

#endif  // HZ3_BACKGROUND_PURGE_H_
