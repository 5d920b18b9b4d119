// RemoteMemory: reads the memory of another process, which goes on running meanwhile.
#ifndef TOOLS_HZ3_REMOTE_MEMORY_H_
#define TOOLS_HZ3_REMOTE_MEMORY_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hz3::tool {

// An address in the other process.
using Address = uint64_t;

// Why something about process `pid` could not be read, in one line, from an errno.
absl::Status ProcessError(pid_t pid, int error);

// Not thread-safe.
class RemoteMemory {
 public:
  explicit RemoteMemory(pid_t pid) : pid_(pid) {}

  pid_t pid() const { return pid_; }

  // Copies the whole range or fails.
  absl::Status Read(Address from, void* to, size_t bytes) const;
  // Copies one piece of `bytes` from each address, in order.
  absl::Status ReadPieces(const std::vector<Address>& from, size_t bytes, void* to) const;

  template <typename T>
  absl::StatusOr<T> Get(Address from) const {
    T value;
    if (absl::Status status = Read(from, &value, sizeof(value)); !status.ok()) return status;
    return value;
  }

 private:
  pid_t pid_;
};

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_REMOTE_MEMORY_H_
