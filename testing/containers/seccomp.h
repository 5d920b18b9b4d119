// Filters that refuse system calls, as container runtimes set them (seccomp(2)): the calling
// process and what it executes from then on get an errno instead of the call.
#ifndef TESTING_CONTAINERS_SECCOMP_H_
#define TESTING_CONTAINERS_SECCOMP_H_

#include <optional>
#include <string>
#include <vector>

namespace hz3::testlib {

struct RefusedCall {
  long number;  // SYS_...
  int error;    // what errno becomes
  // Only calls whose argument `argument` (from 0) has this value.
  struct Argument {
    unsigned argument;
    unsigned value;
  };
  std::optional<Argument> only = std::nullopt;
};

// Of this process, with all that it may execute later; there is no way back. Returns "", or why
// not.
std::string RefuseCalls(const std::vector<RefusedCall>& calls);

}  // namespace hz3::testlib

#endif  // TESTING_CONTAINERS_SECCOMP_H_
