// The main function of the tests that run on the allocator. Besides googletest's flags it takes,
// first:
//   --preload=FILE       start again with FILE in LD_PRELOAD
//   --allocator=hz3|libc fail (exit code 2) unless the process really runs on that one
//   --lane=NAME          fail (exit code 2) unless hz3 says that it is that lane
//   --skip_under_sanitizer
//                        run no tests and say why: the build uses a sanitizer that owns malloc
//   --child ARGS...      no tests: run ChildMain of the test with ARGS
// and keeps all others for TestArguments().

#ifndef TESTING_LIB_TEST_MAIN_H_
#define TESTING_LIB_TEST_MAIN_H_

#include <string>
#include <vector>

namespace hz3::testlib {

// Arguments that neither googletest nor main understood.
const std::vector<std::string>& TestArguments();

// A test that starts itself anew (RunProgram({SelfPath(), "--child", ...})) defines this.
[[gnu::weak]] int ChildMain(const std::vector<std::string>& arguments);

// Path of the running program.
std::string SelfPath();

}  // namespace hz3::testlib

#endif  // TESTING_LIB_TEST_MAIN_H_
