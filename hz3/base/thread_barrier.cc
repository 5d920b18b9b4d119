#include "hz3/base/thread_barrier.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "hz3/base/refusals.h"

namespace hz3 {

bool BarrierOnAllThreads() {
  const int saved = errno;
  bool done = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
  // EPERM: the process has not registered yet.
  if (!done && errno == EPERM &&
      syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0) {
    done = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
  }
  if (!done) CountRefusal(refusals.membarrier);
  errno = saved;
  return done;
}

}  // namespace hz3
