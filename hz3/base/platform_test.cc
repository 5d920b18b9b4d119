#include "hz3/base/platform.h"

#include <dlfcn.h>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

// The sanitizers' runtimes are in the process when the code is built for them.
TEST(Platform, KnowsTheSanitizerItIsBuiltWith) {
  EXPECT_EQ(HZ3_UNDER_ASAN == 1, dlsym(RTLD_DEFAULT, "__asan_init") != nullptr);
  EXPECT_EQ(HZ3_UNDER_TSAN == 1, dlsym(RTLD_DEFAULT, "__tsan_init") != nullptr);
}

TEST(Platform, WritesTheHotPathInAssemblerOnX86WithoutThreadSanitizerOnly) {
#if defined(__x86_64__)
  EXPECT_EQ(HZ3_X86_64_HOT, 1 - HZ3_UNDER_TSAN);
#else
  EXPECT_EQ(HZ3_X86_64_HOT, 0);
#endif
}

TEST(Platform, RelaxingComesBack) {
  for (int i = 0; i < 1000; ++i) CpuRelax();
}

}  // namespace
}  // namespace hz3
