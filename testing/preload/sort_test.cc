#include <string>

#include "gtest/gtest.h"
#include "testing/lib/random.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

constexpr std::uint64_t kSeed = 5;

std::string GeneratedLines(std::size_t count) {
  Random random(kSeed);
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text +=
        std::to_string(random.Next() % 1'000'000) + " " + std::string(random.Below(30), 'k') + "\n";
  }
  return text;
}

TEST(Sort, GetsItsMemoryFromTheLibrary) {
  HZ3_NEEDS_PROGRAMS("sort");
  ExpectMallocComesFromLibrary({"sort", "/dev/null"});
}

TEST(Sort, WithThreadsInMemoryAndOnDiskGivesTheSame) {
  HZ3_NEEDS_PROGRAMS("sort");
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  ExpectSameWithPreload([](Session& session) {
    session.Write("lines", GeneratedLines(250'000));
    session.Run({"sort", "-S", "64M", "--parallel=4", "-n", "lines", "-o", "numeric"});
    session.Run({"sha256sum", "numeric"});
    session.Run({"sort", "-S", "2M", "--parallel=4", "-k2,2r", "-k1,1n", "lines", "-o", "merged"});
    session.Run({"sha256sum", "merged"});
    session.Run({"sort", "-S", "8M", "--parallel=8", "-u", "-R", "--random-source=lines", "lines",
                 "-o", "random"});
    session.Run({"sha256sum", "random"});
  });
}

}  // namespace
}  // namespace hz3::testlib
