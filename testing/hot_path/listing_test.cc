#include "testing/hot_path/listing.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kDisassembly[] =
    "lib.so:     file format elf64-x86-64\n"
    "\n"
    "00000000000034a0 <malloc>:\n"
    "    34a0:\tcmp    $0x8000,%rdi\n"
    "    34a7:\tja     3160 <malloc.cold>\n"
    "    34b1:\tlea    0x13588(%rip),%rdx        # 16a40 <_ZN3hz3E>\n"
    "    34c7:\tadd    %fs:(%rax),%rdx\n"
    "    34df:\tret\n"
    "    34e0:\tnop\n";

TEST(Listing, EndsWithTheFirstReturnAndKnowsNoAddresses) {
  EXPECT_THAT(HitPath(kDisassembly), ElementsAre("cmp $0x8000,%rdi", "ja slow",
                                                 "lea data(%rip),%rdx", "add %fs:(%rax),%rdx",
                                                 "ret"));
}

TEST(Listing, AnIndirectCallThroughTheTableLosesItsAddressToo) {
  EXPECT_THAT(HitPath("    10:\tcall   *0x1ce0e(%rip)        # 20e40 <malloc>\n"),
              ElementsAre("call *data(%rip)"));
}

TEST(Listing, NothingComesFromNothing) { EXPECT_THAT(HitPath("no such symbol\n"), IsEmpty()); }

TEST(Listing, CallsAndAtomicsAreTold) {
  EXPECT_TRUE(IsCall("call *data(%rip)"));
  EXPECT_FALSE(IsCall("cmp %rax,%rdx"));
  EXPECT_TRUE(IsAtomic("lock cmpxchg %edx,(%rdi)"));
  EXPECT_TRUE(IsAtomic("xchg %eax,(%rdi)"));
  EXPECT_FALSE(IsAtomic("xchg %ax,%ax"));
  EXPECT_FALSE(IsAtomic("addq $0x8,(%rdx)"));
}

TEST(Listing, AGoldenFileHasASectionForEachFunction) {
  constexpr char kGolden[] = "malloc:\n  cmp $1,%rdi\n  ret\n\nfree:\n  ret\n";
  EXPECT_THAT(GoldenLines(kGolden, "malloc"), ElementsAre("cmp $1,%rdi", "ret"));
  EXPECT_THAT(GoldenLines(kGolden, "free"), ElementsAre("ret"));
  EXPECT_THAT(GoldenLines(kGolden, "calloc"), IsEmpty());
}

}  // namespace
}  // namespace hz3
