// Holds the built libraries against what //hz3/exports.lds and the README promise.
// Arguments: the paths of the libraries.

#include "testing/structure/shared_object.h"

#include <elf.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hz3/config/build_flags.h"

namespace hz3 {
namespace {

using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

std::vector<std::string> library_paths;

const std::vector<std::string> kInterface = {
    "malloc", "free", "calloc", "realloc", "reallocarray", "memalign", "posix_memalign",
    "aligned_alloc", "valloc", "pvalloc", "malloc_usable_size", "free_sized", "free_aligned_sized",
    "malloc_trim", "mallinfo2", "malloc_stats", "malloc_info",
    // operator new and new[]: plain, nothrow, aligned, aligned nothrow
    "_Znwm", "_ZnwmRKSt9nothrow_t", "_ZnwmSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t",
    "_Znam", "_ZnamRKSt9nothrow_t", "_ZnamSt11align_val_t", "_ZnamSt11align_val_tRKSt9nothrow_t",
    // operator delete and delete[]: plain, nothrow, sized, aligned, aligned nothrow, sized aligned
    "_ZdlPv", "_ZdlPvRKSt9nothrow_t", "_ZdlPvm", "_ZdlPvSt11align_val_t",
    "_ZdlPvSt11align_val_tRKSt9nothrow_t", "_ZdlPvmSt11align_val_t", "_ZdaPv",
    "_ZdaPvRKSt9nothrow_t", "_ZdaPvm", "_ZdaPvSt11align_val_t",
    "_ZdaPvSt11align_val_tRKSt9nothrow_t", "_ZdaPvmSt11align_val_t"};

bool IsMallocsSymbol(std::string_view name) {
  for (std::string_view prefix : {"hz3_", "_Znw", "_Zna", "_Zdl", "_Zda"}) {
    if (name.starts_with(prefix)) return true;
  }
  for (std::string_view legacy : {"mallinfo", "mallopt", "cfree"}) {
    if (name == legacy) return true;
  }
  return testing::Value(std::string(name), testing::AnyOfArray(kInterface));
}

bool IsLibc(std::string_view library) {
  return library.starts_with("libc.so.") || library.starts_with("ld-linux");
}

class SharedObjectTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (std::string_view(kBuildSanitizer) != "none") {
      GTEST_SKIP() << "SKIP: under " << kBuildSanitizer << " the sanitizer owns malloc";
    }
    object_ = ReadSharedObject(GetParam());
  }

  SharedObject object_;
};

TEST_P(SharedObjectTest, ExportsTheWholeInterface) {
  EXPECT_THAT(object_.exports, IsSupersetOf(kInterface));
}

TEST_P(SharedObjectTest, ExportsNothingElse) {
  std::vector<std::string> others;
  for (const std::string& name : object_.exports) {
    if (!IsMallocsSymbol(name)) others.push_back(name);
  }
  EXPECT_THAT(others, IsEmpty());
}

TEST_P(SharedObjectTest, GivesItsSymbolsNoVersionsSoThatTheyInterpose) {
  EXPECT_FALSE(object_.has_symbol_versions);
}

TEST_P(SharedObjectTest, LoadsNoOtherLibraryThanLibc) {
  std::vector<std::string> others;
  for (const std::string& library : object_.needed) {
    if (!IsLibc(library)) others.push_back(library);
  }
  EXPECT_THAT(others, IsEmpty());
}

TEST_P(SharedObjectTest, RefersToTheCxxRuntimeOnlyWeakly) {
  std::vector<std::string> runtime;
  for (const std::string& name : object_.strong_undefined) {
    if (name.starts_with("_Z") || name.starts_with("__gxx")) runtime.push_back(name);
  }
  EXPECT_THAT(runtime, IsEmpty());
}

TEST_P(SharedObjectTest, IsBoundAtLoadTimeAndStaysAfterDlclose) {
  EXPECT_TRUE(object_.flags_1 & DF_1_NOW);
  EXPECT_TRUE(object_.flags_1 & DF_1_NODELETE);
}

TEST_P(SharedObjectTest, HasItsFileNameAsSoname) {
  EXPECT_EQ(object_.soname, std::filesystem::path(GetParam()).filename());
}

INSTANTIATE_TEST_SUITE_P(Lanes, SharedObjectTest, ::testing::ValuesIn(library_paths),
                         [](const auto& param) {
                           return std::filesystem::path(param.param).stem().string();
                         });

TEST(ReadSharedObject, RefusesWhatIsNoElfFile) {
  EXPECT_THROW(ReadSharedObject("/dev/null"), std::runtime_error);
  EXPECT_THROW(ReadSharedObject("/nowhere"), std::runtime_error);
}

}  // namespace
}  // namespace hz3

int main(int argc, char** argv) {
  // InitGoogleTest instantiates the parameters, so they must be known before.
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).ends_with(".so")) hz3::library_paths.emplace_back(argv[i]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
