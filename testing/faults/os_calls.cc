#include "testing/faults/os_calls.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace hz3::testlib {
namespace {

constinit FaultPlan plan;
// The first call comes before main, with one thread.
constinit bool parsed = false;

bool Refused(OsCall call, int error) {
  if (!ActivePlan().Fails(call)) return false;
  errno = error;
  return true;
}

bool CommitRefused(size_t bytes, int protection, int flags) {
  if ((protection & PROT_WRITE) == 0 || (flags & MAP_SHARED) != 0) return false;
  if (ActivePlan().MayCommit(bytes)) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

FaultPlan& ActivePlan() {
  if (parsed) return plan;
  parsed = true;
  const char* text = getenv("HZ3_FAULT_PLAN");
  if (text != nullptr && !plan.Parse(text)) {
    dprintf(STDERR_FILENO, "HZ3_FAULT_PLAN: '%s' is no plan\n", text);
    _exit(2);
  }
  return plan;
}

extern "C" {

// What `ld --wrap=NAME` makes of the names.
void* __real_mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_mprotect(void* at, size_t bytes, int protection);
int __real_madvise(void* at, size_t bytes, int advice);
void* __real_mremap(void* from, size_t bytes, size_t new_bytes, int flags, ...);
int __real_pthread_key_create(pthread_key_t* key, void (*destructor)(void*));
int __real_pthread_setspecific(pthread_key_t key, const void* value);
int __real_pthread_atfork(void (*prepare)(), void (*parent)(), void (*child)());

void* __wrap_mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  if (Refused(OsCall::kMmap, ENOMEM) || CommitRefused(bytes, protection, flags)) return MAP_FAILED;
  return __real_mmap(at, bytes, protection, flags, fd, offset);
}

int __wrap_mprotect(void* at, size_t bytes, int protection) {
  if (Refused(OsCall::kMprotect, ENOMEM) || CommitRefused(bytes, protection, 0)) return -1;
  return __real_mprotect(at, bytes, protection);
}

int __wrap_madvise(void* at, size_t bytes, int advice) {
  return Refused(OsCall::kMadvise, EAGAIN) ? -1 : __real_madvise(at, bytes, advice);
}

void* __wrap_mremap(void* from, size_t bytes, size_t new_bytes, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  void* const to = (flags & MREMAP_FIXED) != 0 ? va_arg(rest, void*) : nullptr;
  va_end(rest);
  if (Refused(OsCall::kMremap, ENOMEM)) return MAP_FAILED;
  return __real_mremap(from, bytes, new_bytes, flags, to);
}

int __wrap_pthread_key_create(pthread_key_t* key, void (*destructor)(void*)) {
  return ActivePlan().Fails(OsCall::kKey) ? EAGAIN : __real_pthread_key_create(key, destructor);
}

int __wrap_pthread_setspecific(pthread_key_t key, const void* value) {
  if (ActivePlan().Fails(OsCall::kSetSpecific)) return ENOMEM;
  return __real_pthread_setspecific(key, value);
}

int __wrap_pthread_atfork(void (*prepare)(), void (*parent)(), void (*child)()) {
  if (ActivePlan().Fails(OsCall::kAtFork)) return ENOMEM;
  return __real_pthread_atfork(prepare, parent, child);
}

}  // extern "C"

}  // namespace hz3::testlib
