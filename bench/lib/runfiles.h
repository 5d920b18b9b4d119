// Finds the files that Bazel puts beside a program, for `bazel run`, `bazel test` and a program
// that is started from bazel-bin by its path.
#ifndef BENCH_LIB_RUNFILES_H_
#define BENCH_LIB_RUNFILES_H_

#include <string>
#include <string_view>

namespace hz3::bench {

// The absolute path of `path` (from the top of the workspace, like "hz3/libx.so"); empty when it is
// not there.
std::string FindRunfile(std::string_view argv0, std::string_view path);

// `bazel run` starts a program in its folder of runfiles, where the relative paths of a command line
// mean nothing. Goes to where the user called it; does nothing in a program that was started
// otherwise. First thing in main, of a program that takes paths.
void GoWhereUserIs();

}  // namespace hz3::bench

#endif  // BENCH_LIB_RUNFILES_H_
