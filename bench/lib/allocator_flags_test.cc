#include "bench/lib/allocator_flags.h"

#include <string>
#include <vector>

#include "bench/lib/tool_flags.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

// The names that the flags choose, or the error. --peer adds up over all tests of this process.
std::string Choose(const std::vector<std::string>& flags) {
  std::vector<std::string> positionals;
  EXPECT_EQ(SetToolFlags(flags, &positionals), std::nullopt);
  const AllocatorChoice choice = ChosenAllocators("/no/such/program");
  std::string text = choice.error;
  for (const Allocator& allocator : choice.allocators) text += allocator.name + " ";
  return text;
}

TEST(ChosenAllocators, AreThoseOfOnlyInItsOrder) {
  EXPECT_EQ(Choose({"--only=mine,glibc,mine", "--peer=mine=/proc/self/exe"}), "mine glibc ");
}

TEST(ChosenAllocators, NameWhatIsThereWhenOnlyIsUnknown) {
  const std::string error = Choose({"--only=nobody"});
  EXPECT_EQ(error.find("no allocator 'nobody' here; there are"), 0u) << error;
  EXPECT_NE(error.find(" glibc"), std::string::npos) << error;
}

TEST(ChosenAllocators, RefuseAPeerWithTheNameOfAnother) {
  EXPECT_EQ(Choose({"--only=glibc", "--peer=glibc=/proc/self/exe"}),
            "--peer: there is a glibc already");
}

}  // namespace
}  // namespace hz3::bench
