#include "hz3/observe/loaded_modules.h"

#include <search.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

class LoadedModulesTest : public ::testing::Test {
 protected:
  LoadedModulesTest() { modules_->Find(); }

  // A function of the C library that no sanitizer puts one of its own before.
  static constexpr auto* kInLibc = &lfind;

  template <typename Function>
  unsigned IndexOf(Function* function) {
    return modules_->IndexOf(reinterpret_cast<uintptr_t>(function));
  }

  const std::unique_ptr<LoadedModules> modules_ = std::make_unique<LoadedModules>();
};

TEST_F(LoadedModulesTest, ThisProgramAndTheCLibraryAreFoundByTheirCode) {
  const unsigned own = IndexOf(+[] {});
  ASSERT_LT(own, modules_->count());
  EXPECT_EQ((*modules_)[own].path, std::filesystem::read_symlink("/proc/self/exe").string());
  const unsigned libc = IndexOf(kInLibc);
  ASSERT_LT(libc, modules_->count());
  EXPECT_NE(std::string((*modules_)[libc].path).find("libc"), std::string::npos);
  EXPECT_NE(libc, own);
}

TEST_F(LoadedModulesTest, PartsAreWholePagesAndDoNotOverlap) {
  for (unsigned i = 0; i < modules_->count(); ++i) {
    const LoadedModule& module = (*modules_)[i];
    EXPECT_LT(module.begin, module.end);
    EXPECT_EQ(module.begin % 4096, 0u);
    EXPECT_EQ(module.offset % 4096, 0u);
    EXPECT_EQ(modules_->IndexOf(module.begin), i);
    EXPECT_EQ(modules_->IndexOf(module.end - 1), i);
  }
}

TEST_F(LoadedModulesTest, BuildIdsAreTheLibrariesOwn) {
  const LoadedModule& libc = (*modules_)[IndexOf(kInLibc)];
  if (libc.build_id[0] == '\0') GTEST_SKIP() << "this C library was linked without a build id, so there is none to compare with";
  // 20 bytes by the linkers' default.
  EXPECT_EQ(strspn(libc.build_id, "0123456789abcdef"), strlen(libc.build_id));
  EXPECT_EQ(strlen(libc.build_id), 40u);
}

TEST_F(LoadedModulesTest, AnAddressOfNoModuleHasNoIndex) {
  int on_the_stack = 0;
  EXPECT_EQ(modules_->IndexOf(reinterpret_cast<uintptr_t>(&on_the_stack)), modules_->count());
}

TEST_F(LoadedModulesTest, CodeThatIsPartOfTheProgramIsInNoLibrary) {
  EXPECT_EQ(modules_->OwnLibrary(), modules_->count());
}

}  // namespace
}  // namespace hz3
