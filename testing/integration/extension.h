// What hz3/malloc_extension.h declares, as functions that may be missing: the same test calls them
// where hz3 is linked in and where it is preloaded. The header itself cannot be included beside
// this one. Thread safe.

#ifndef TESTING_INTEGRATION_EXTENSION_H_
#define TESTING_INTEGRATION_EXTENSION_H_

#include <dlfcn.h>

#include <cstddef>

extern "C" {
[[gnu::weak]] std::size_t hz3_arena_bytes(void);
[[gnu::weak]] std::size_t hz3_committed_bytes(void);
[[gnu::weak]] int hz3_set_limit(std::size_t bytes);
[[gnu::weak]] std::size_t hz3_limit(void);
[[gnu::weak]] int hz3_set_limit_from_cgroup(unsigned percent);
[[gnu::weak]] int hz3_set_soft_limit_from_cgroup(unsigned percent);
[[gnu::weak]] int hz3_set_soft_limit(std::size_t bytes);
[[gnu::weak]] std::size_t hz3_soft_limit(void);
[[gnu::weak]] int hz3_set_pressure_callback(int (*callback)(std::size_t, void*), void* arg);
[[gnu::weak]] std::size_t hz3_purge(void);
[[gnu::weak]] int hz3_heap_profile_start(std::size_t interval);
[[gnu::weak]] int hz3_heap_profile_stop(void);
[[gnu::weak]] int hz3_heap_profile_write(int fd, int first);
}

namespace hz3::testlib {

struct Extension {
  // `linked` where it is bound, else what the dynamic linker knows under that name.
  template <typename Function>
  static Function* Find(Function* linked, const char* name) {
    if (linked != nullptr) return linked;
    return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
  }

  decltype(&::hz3_arena_bytes) arena_bytes = Find(::hz3_arena_bytes, "hz3_arena_bytes");
  decltype(&::hz3_committed_bytes) committed_bytes =
      Find(::hz3_committed_bytes, "hz3_committed_bytes");
  decltype(&::hz3_set_limit) set_limit = Find(::hz3_set_limit, "hz3_set_limit");
  decltype(&::hz3_limit) limit = Find(::hz3_limit, "hz3_limit");
  decltype(&::hz3_set_limit_from_cgroup) set_limit_from_cgroup =
      Find(::hz3_set_limit_from_cgroup, "hz3_set_limit_from_cgroup");
  decltype(&::hz3_set_soft_limit_from_cgroup) set_soft_limit_from_cgroup =
      Find(::hz3_set_soft_limit_from_cgroup, "hz3_set_soft_limit_from_cgroup");
  decltype(&::hz3_set_soft_limit) set_soft_limit = Find(::hz3_set_soft_limit, "hz3_set_soft_limit");
  decltype(&::hz3_soft_limit) soft_limit = Find(::hz3_soft_limit, "hz3_soft_limit");
  decltype(&::hz3_set_pressure_callback) set_pressure_callback =
      Find(::hz3_set_pressure_callback, "hz3_set_pressure_callback");
  decltype(&::hz3_purge) purge = Find(::hz3_purge, "hz3_purge");
  decltype(&::hz3_heap_profile_start) heap_profile_start =
      Find(::hz3_heap_profile_start, "hz3_heap_profile_start");
  decltype(&::hz3_heap_profile_stop) heap_profile_stop =
      Find(::hz3_heap_profile_stop, "hz3_heap_profile_stop");
  decltype(&::hz3_heap_profile_write) heap_profile_write =
      Find(::hz3_heap_profile_write, "hz3_heap_profile_write");
};

inline const Extension& Hz3() {
  static const Extension extension;
  return extension;
}

}  // namespace hz3::testlib

#endif  // TESTING_INTEGRATION_EXTENSION_H_
