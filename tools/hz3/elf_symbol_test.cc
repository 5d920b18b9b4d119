#include "tools/hz3/elf_symbol.h"

#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

// Only in .symtab: this program exports nothing.
extern "C" int elf_symbol_test_marker;
int elf_symbol_test_marker = 1;

namespace hz3::tool {
namespace {

TEST(ElfSymbol, FindsWhatAProgramDefines) {
  ASSERT_EQ(elf_symbol_test_marker, 1) << "used, or the linker would leave it out";
  EXPECT_TRUE(FindElfSymbol("/proc/self/exe", "elf_symbol_test_marker").has_value());
  EXPECT_TRUE(FindElfSymbol("/proc/self/exe", "main").has_value());
}

TEST(ElfSymbol, FindsNothingByAPartOfTheNameOrWhereItIsOnlyUsed) {
  EXPECT_FALSE(FindElfSymbol("/proc/self/exe", "elf_symbol_test_mark").has_value());
  EXPECT_FALSE(FindElfSymbol("/proc/self/exe", "").has_value());
  EXPECT_FALSE(FindElfSymbol("/proc/self/exe", "hz3_heap_layout").has_value());
}

TEST(ElfSymbol, RefusesWhatIsNoElfFile) {
  EXPECT_FALSE(FindElfSymbol("/nowhere", "main").has_value());
  EXPECT_FALSE(FindElfSymbol("/dev/null", "main").has_value());
  EXPECT_FALSE(FindElfSymbol("/etc", "main").has_value());
  EXPECT_FALSE(FindElfSymbol("/etc/passwd", "main").has_value());
}

TEST(ElfSymbol, AFileThatIsCutOffAnywhereIsNoReasonToCrash) {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string path = ::testing::TempDir() + "/cut.elf";
  for (size_t part = 0; part < 64; ++part) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        << whole.substr(0, whole.size() / 64 * part + part);
    FindElfSymbol(path, "main");
  }
}

}  // namespace
}  // namespace hz3::tool
