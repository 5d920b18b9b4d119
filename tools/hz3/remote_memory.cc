#include "tools/hz3/remote_memory.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace hz3::tool {
namespace {

// A system call takes so many pieces (IOV_MAX).
constexpr size_t kMaxPieces = 1024;

}  // namespace

absl::Status ProcessError(pid_t pid, int error) {
  switch (error) {
    case ESRCH:
    case ENOENT:
      return absl::NotFoundError(absl::StrCat("there is no process ", pid));
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(
          absl::StrCat("no permission to read process ", pid,
                       ": be root, or its user with kernel.yama.ptrace_scope 0"));
    case EFAULT:
    case EIO:
      return absl::UnavailableError(
          absl::StrCat("process ", pid, " ended or changed while it was being read"));
    default:
      return absl::UnknownError(
          absl::StrCat("cannot read process ", pid, ": ", std::strerror(error)));
  }
}

absl::Status RemoteMemory::Read(Address from, void* to, size_t bytes) const {
  char* out = static_cast<char*>(to);
  while (bytes > 0) {
    iovec local = {out, bytes};
    iovec remote = {reinterpret_cast<void*>(from), bytes};
    const ssize_t got = process_vm_readv(pid_, &local, 1, &remote, 1, 0);
    if (got <= 0) return ProcessError(pid_, got == 0 ? EFAULT : errno);
    from += static_cast<size_t>(got);
    out += got;
    bytes -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status RemoteMemory::ReadPieces(const std::vector<Address>& from, size_t bytes,
                                      void* to) const {
  char* out = static_cast<char*>(to);
  for (size_t i = 0; i < from.size(); i += kMaxPieces) {
    std::vector<iovec> remote;
    for (size_t k = i; k < std::min(from.size(), i + kMaxPieces); ++k) {
      remote.push_back({reinterpret_cast<void*>(from[k]), bytes});
    }
    iovec local = {out, remote.size() * bytes};
    const ssize_t got = process_vm_readv(pid_, &local, 1, remote.data(), remote.size(), 0);
    if (got != static_cast<ssize_t>(local.iov_len)) {
      return ProcessError(pid_, got >= 0 ? EFAULT : errno);
    }
    out += got;
  }
  return absl::OkStatus();
}

}  // namespace hz3::tool
