// PprofProfile: writes a heap profile in the format of pprof: the message Profile of
// github.com/google/pprof/proto/profile.proto, gzipped. Addresses are as they were in memory, with
// the mappings and build ids that a reader needs to find their symbols; functions are named as far
// as the dynamic symbols of their module do.
//
// One profile holds all figures (kProfileFigures); which of them readers show first is a parameter.
//
// Event path; takes the dynamic linker's lock, so under no lease that an allocation takes. Does not
// allocate: its memory comes from the system and goes back.
#ifndef HZ3_OBSERVE_PPROF_PROFILE_H_
#define HZ3_OBSERVE_PPROF_PROFILE_H_

#include "hz3/base/os_memory.h"
#include "hz3/observe/heap_profile.h"

namespace hz3 {

struct ProfileFigure {
  const char* name;
  const char* unit;
  Estimate CallSites::Site::*estimate;
  double Estimate::*value;
};
inline constexpr ProfileFigure kProfileFigures[] = {
    {"alloc_objects", "count", &CallSites::Site::allocated, &Estimate::objects},
    {"alloc_space", "bytes", &CallSites::Site::allocated, &Estimate::bytes},
    {"peak_objects", "count", &CallSites::Site::peak, &Estimate::objects},
    {"peak_space", "bytes", &CallSites::Site::peak, &Estimate::bytes},
    {"inuse_objects", "count", &CallSites::Site::live, &Estimate::objects},
    {"inuse_space", "bytes", &CallSites::Site::live, &Estimate::bytes},
    {"stranded_space", "bytes", &CallSites::Site::stranded, &Estimate::bytes},
    {"pinned_space", "bytes", &CallSites::Site::pinned, &Estimate::bytes},
};
inline constexpr unsigned kFigures = sizeof(kProfileFigures) / sizeof(kProfileFigures[0]);

// Writes the profile to `fd`; readers show `default_figure` first. 0, or the error.
int WritePprofProfile(HeapProfile& profile, OsMemory& os, const char* default_figure, int fd);

}  // namespace hz3

#endif  // HZ3_OBSERVE_PPROF_PROFILE_H_
