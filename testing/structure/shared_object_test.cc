// Holds the built libraries against what hz3/exports.txt and the README promise.
// Arguments: the paths of the libraries, of exports.txt and of the public headers.

#include "testing/structure/shared_object.h"

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hz3/config/build_flags.h"

namespace hz3 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> library_paths;

std::string list_path;
std::vector<std::string> header_paths;

// C23's, which not every C library has.
const std::set<std::string> kNewInC = {"free_aligned_sized", "free_sized"};
// Declared where observers look, who link no hz3.
const std::set<std::string> kForObservers = {"hz3_heap_layout"};

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The symbols of hz3/exports.txt.
std::set<std::string> Listed() {
  std::set<std::string> symbols;
  std::istringstream lines(Contents(list_path));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != '#') symbols.insert(line);
  }
  return symbols;
}

// One line for each symbol that is in one of the sets only, with what to do.
std::string Differences(const std::set<std::string>& exported,
                        const std::set<std::string>& listed) {
  std::string text;
  for (const std::string& name : exported) {
    if (!listed.contains(name)) {
      text += "+ " + name + ": new; if it shall be exported, add it to hz3/exports.txt\n";
    }
  }
  for (const std::string& name : listed) {
    if (!exported.contains(name)) {
      text += "- " + name + ": gone, and programs need it; if it must go, take it out of " +
              "hz3/exports.txt and raise HZ3_SOVERSION in version.bzl\n";
    }
  }
  return text;
}

// What the C and C++ libraries export that this program runs with.
std::set<std::string> SystemsSymbols() {
  std::set<std::string> symbols;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* found) {
        const std::string_view path = info->dlpi_name;
        if (path.find("/libc.so") == path.npos && path.find("/libstdc++.so") == path.npos) return 0;
        static_cast<std::set<std::string>*>(found)->merge(
            ReadSharedObject(std::string(path)).exports);
        return 0;
      },
      &symbols);
  return symbols;
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

TEST_P(SharedObjectTest, ExportsWhatTheListSaysAndNothingElse) {
  const std::string differences = Differences(object_.exports, Listed());
  EXPECT_TRUE(differences.empty()) << differences;
}

TEST_P(SharedObjectTest, HasNoTextRelocationsAndNoExecutableStack) {
  EXPECT_FALSE(object_.has_text_relocations);
  EXPECT_FALSE(object_.has_executable_stack);
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

TEST_P(SharedObjectTest, HasItsFileNameWithTheInterfacesNumberAsSoname) {
  const std::string file = std::filesystem::path(GetParam()).filename();
  EXPECT_EQ(object_.soname, file + "." + kBuildSoversion);
}

INSTANTIATE_TEST_SUITE_P(Lanes, SharedObjectTest, ::testing::ValuesIn(library_paths),
                         [](const auto& param) {
                           return std::filesystem::path(param.param).stem().string();
                         });

TEST(Differences, SayWhatToDo) {
  EXPECT_EQ(Differences({"a", "b"}, {"a", "b"}), "");
  EXPECT_THAT(Differences({"a", "new"}, {"a"}), StartsWith("+ new: "));
  EXPECT_THAT(Differences({"a"}, {"a", "old"}),
              AllOf(StartsWith("- old: "), HasSubstr("HZ3_SOVERSION")));
}

TEST(ListedSymbols, ArePartOfAPublicHeaderOrOfTheSystemsOwnInterface) {
  std::string headers;
  for (const std::string& path : header_paths) headers += Contents(path);
  const std::set<std::string> system = SystemsSymbols();
  ASSERT_TRUE(system.contains("malloc"));
  for (const std::string& name : Listed()) {
    if (kNewInC.contains(name) || kForObservers.contains(name)) continue;
    if (name.starts_with("hz3_")) {
      EXPECT_TRUE(std::regex_search(headers, std::regex("\\b" + name + "\\b")))
          << name << " is in no header of //hz3:public_headers";
    } else {
      EXPECT_TRUE(system.contains(name)) << name << " is in neither libc nor libstdc++";
    }
  }
}

TEST(ReadSharedObject, RefusesWhatIsNoElfFile) {
  EXPECT_THROW(ReadSharedObject("/dev/null"), std::runtime_error);
  EXPECT_THROW(ReadSharedObject("/nowhere"), std::runtime_error);
}

}  // namespace
}  // namespace hz3

int main(int argc, char** argv) {
  // InitGoogleTest instantiates the parameters, so they must be known before.
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.ends_with(".so")) hz3::library_paths.emplace_back(argument);
    if (argument.ends_with(".txt")) hz3::list_path = argument;
    if (argument.ends_with(".h")) hz3::header_paths.emplace_back(argument);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
