// That the malloc of this test is hz3, by what hz3 counts while the test allocates.
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "hz3/malloc_extension.h"

namespace {

int failures = 0;

void Expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what);
  ++failures;
}

void LargeBlocksAreCounted() {
  const size_t bytes = size_t(64) << 20;
  const size_t before = hz3_committed_bytes();
  std::vector<char> block(bytes, 1);
  Expect(hz3_committed_bytes() >= before + bytes, "64 MiB of a vector are committed by hz3");
}

void ALimitHolds() {
  Expect(hz3_set_limit(hz3_committed_bytes() + (size_t(64) << 20)) == 0, "a limit can be set");
  void* block = std::malloc(size_t(256) << 20);
  Expect(block == nullptr, "malloc above the limit fails");
  std::free(block);
  hz3_set_limit(static_cast<size_t>(-1));
}

void OtherThreadsMayFree() {
  std::vector<std::string*> strings;
  for (int i = 0; i < 10000; ++i) strings.push_back(new std::string(100, 'x'));
  std::thread([&strings] {
    for (std::string* string : strings) delete string;
  }).join();
}

}  // namespace

int main() {
  std::printf("hz3 %s %s\n", hz3_version(), hz3_lane());
  LargeBlocksAreCounted();
  ALimitHolds();
  OtherThreadsMayFree();
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
