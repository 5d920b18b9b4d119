#include "testing/containers/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hz3::testlib {
namespace {

using Program = std::vector<sock_filter>;

sock_filter Load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
sock_filter Return(uint32_t what) { return BPF_STMT(BPF_RET | BPF_K, what); }
// Goes on with the next instruction, or passes `skipped` over.
sock_filter Unless(uint32_t value, uint8_t skipped) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped);
}

// The low half of an argument: no value that is looked for has more. (Little endian.)
size_t OffsetOfArgument(unsigned n) { return offsetof(seccomp_data, args) + n * sizeof(uint64_t); }

void Add(const RefusedCall& call, Program& program) {
  const uint32_t refusal = SECCOMP_RET_ERRNO | static_cast<uint32_t>(call.error);
  program.push_back(Load(offsetof(seccomp_data, nr)));
  if (call.only.has_value()) {
    program.push_back(Unless(static_cast<uint32_t>(call.number), 3));
    program.push_back(Load(OffsetOfArgument(call.only->argument)));
    program.push_back(Unless(call.only->value, 1));
  } else {
    program.push_back(Unless(static_cast<uint32_t>(call.number), 1));
  }
  program.push_back(Return(refusal));
}

}  // namespace

std::string RefuseCalls(const std::vector<RefusedCall>& calls) {
  Program program;
  for (const RefusedCall& call : calls) Add(call, program);
  program.push_back(Return(SECCOMP_RET_ALLOW));
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    return std::string("no filter can be set: ") + std::strerror(errno);
  }
  return "";
}

}  // namespace hz3::testlib
