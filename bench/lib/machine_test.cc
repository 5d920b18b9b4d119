#include "bench/lib/machine.h"

#include <string>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(Machine, IsDescribedInOneLine) {
  EXPECT_EQ(ToString({"Some CPU", 2, uint64_t{24} << 30, "Linux 6.1"}),
            "Some CPU, 2 cores, 24 GiB, Linux 6.1");
  EXPECT_EQ(ToString({"Some CPU", 1, uint64_t{1} << 30, "Linux 6.1"}),
            "Some CPU, 1 core, 1 GiB, Linux 6.1");
}

TEST(Machine, ThisOneHasCoresAndMemory) {
  const Machine machine = ThisMachine();
  EXPECT_FALSE(machine.cpu_model.empty());
  EXPECT_GE(machine.cores, 1);
  EXPECT_GT(machine.memory_bytes, 0u);
}

// Under a sanitizer malloc belongs to its run-time library, linked in or shared.
TEST(MallocProvider, IsAFileName) {
  const std::string provider = MallocProvider();
  EXPECT_NE(provider, "unknown");
  EXPECT_EQ(provider.find('/'), std::string::npos);
}

}  // namespace
}  // namespace hz3::bench
