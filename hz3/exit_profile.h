// ExitProfile: a process that is told so by the environment profiles its heap from the start, and
// writes what it found when it ends (docs/profiles.md).
//
//   HZ3_HEAP_PROFILE=file[,interval=BYTES][,seed=N]   a profile in pprof's format; "%p" in the
//                                                     file's name is the process id
//   HZ3_LEAK_REPORT=BYTES[,seed=N]                    a text on stderr about what is live by then;
//                                                     BYTES is the interval, 1 for every block
//
// Read when the library is loaded and ignored in programs that run with raised privileges; a value
// that is not as above is ignored with a line on stderr. Written by a destructor that runs after
// main's end or exit(3). A child of a fork writes its own. Event path; nothing here allocates.
#ifndef HZ3_EXIT_PROFILE_H_
#define HZ3_EXIT_PROFILE_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

struct ProfileSetting {
  static constexpr size_t kMaxPath = 1024;

  char path[kMaxPath];  // of HZ3_HEAP_PROFILE
  size_t interval;      // 0: not given
  uint64_t seed;        // 0: not given
};

// False, with *setting undefined, when `text` is no such value.
bool ParseHeapProfileSetting(const char* text, ProfileSetting* setting);
bool ParseLeakReportSetting(const char* text, ProfileSetting* setting);

}  // namespace hz3

#endif  // HZ3_EXIT_PROFILE_H_
