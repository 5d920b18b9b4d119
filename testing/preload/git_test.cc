#include "gtest/gtest.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

constexpr const char* kMakeHistory = R"sh(
set -e
git init -q -b main made
cd made
for round in $(seq 12); do
  mkdir -p dir$((round % 4))
  for file in 1 2 3 4 5; do
    awk -v seed=$((round * 100 + file)) 'BEGIN {
      x = seed; for (i = 0; i < 400; ++i) { x = (x * 16807) % 2147483647; print i, x, "line of text" } }' \
      > dir$((round % 4))/file$file.txt
  done
  git add -A
  git commit -q -m "round $round"
  test $((round % 5)) != 0 || git tag -a -m "tag $round" v$round
done
git checkout -q -b side HEAD~5
echo side > side.txt
git add -A
git commit -q -m side
git checkout -q main
git merge -q -m merge side
)sh";

void UseFixedIdentity(Session& session) {
  for (const char* who : {"AUTHOR", "COMMITTER"}) {
    const std::string prefix = std::string("GIT_") + who;
    session.SetEnvironment(prefix + "_NAME", "A U Thor");
    session.SetEnvironment(prefix + "_EMAIL", "author@example.com");
    session.SetEnvironment(prefix + "_DATE", "2020-01-02T03:04:05Z");
  }
  session.SetEnvironment("GIT_CONFIG_NOSYSTEM", "1");
}

TEST(Git, GetsItsMemoryFromTheLibrary) {
  HZ3_NEEDS_PROGRAMS("git");
  ExpectMallocComesFromLibrary({"git", "--version"});
}

TEST(Git, MakesClonesPacksAndChecksTheSameRepository) {
  HZ3_NEEDS_PROGRAMS("git", "bash", "awk");
  ExpectSameWithPreload([](Session& session) {
    UseFixedIdentity(session);
    session.Run({"bash", session.Write("make.sh", kMakeHistory)});
    session.Run({"git", "-C", "made", "log", "--stat", "--format=%H %s"});
    session.Run({"git", "-C", "made", "-c", "pack.threads=4", "gc", "-q", "--aggressive"});
    session.Run({"git", "-C", "made", "fsck", "--full", "--strict"});
    session.Run({"git", "clone", "-q", "--no-local", "made", "copy"});
    session.Run({"git", "-C", "copy", "fsck", "--full"});
    session.Run({"git", "-C", "copy", "rev-parse", "HEAD", "HEAD^{tree}", "v10"});
    session.Run({"git", "-C", "copy", "grep", "-n", "-c", "7 .*line"});
    session.Run({"git", "-C", "copy", "diff", "--stat", "v5", "v10"});
    session.Run({"git", "-C", "copy", "blame", "-s", "dir1/file1.txt"});
  });
}

}  // namespace
}  // namespace hz3::testlib
