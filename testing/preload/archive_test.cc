#include <string>

#include "gtest/gtest.h"
#include "testing/lib/random.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

constexpr std::uint64_t kSeed = 99;

// Words in random order: compressible, but not trivially.
std::string GeneratedText(Random& random, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    text += "word" + std::to_string(random.Below(5000));
    text += random.Below(9) == 0 ? '\n' : ' ';
  }
  return text;
}

void WriteFiles(const Session& session) {
  Random random(kSeed);
  for (int i = 0; i < 40; ++i) {
    session.Write("tree/file" + std::to_string(i) + ".txt", GeneratedText(random, 1000u << i % 8));
  }
}

TEST(Archive, TarAndXzGetTheirMemoryFromTheLibrary) {
  HZ3_NEEDS_PROGRAMS("tar", "xz");
  ExpectMallocComesFromLibrary({"tar", "--version"});
  ExpectMallocComesFromLibrary({"xz", "--version"});
}

TEST(Archive, TarAndXzMakeTheSameArchiveAndTheSameFilesFromIt) {
  HZ3_NEEDS_PROGRAMS("tar", "xz");
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  ExpectSameWithPreload([](Session& session) {
    session.Run({"mkdir", "tree", "out"});
    WriteFiles(session);
    session.Run({"tar", "--sort=name", "--mtime=2020-01-01", "--owner=0", "--group=0",
                 "--mode=u+rw", "--format=gnu", "-cf", "tree.tar", "tree"});
    session.Run({"sha256sum", "tree.tar"});
    session.Run({"xz", "-k", "-T2", "--block-size=262144", "-6", "tree.tar"});
    session.Run({"sha256sum", "tree.tar.xz"});
    session.Run({"tar", "-C", "out", "-xJf", "tree.tar.xz"});
    session.Run({"diff", "-r", "tree", "out/tree"});
    session.Run({"tar", "-tJf", "tree.tar.xz"});
  });
}

}  // namespace
}  // namespace hz3::testlib
