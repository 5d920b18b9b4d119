// The same in C++: containers, threads, and a failure that operator new throws.
#include <hz3/malloc_extension.h>

#include <cstddef>
#include <cstdio>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {

bool ThrowsWhenThereIsNoMemory() {
  try {
    volatile size_t too_much = PTRDIFF_MAX;
    // volatile: clang leaves out what nobody looks at.
    char* volatile block = new char[too_much];
    delete[] block;
    return false;
  } catch (const std::bad_alloc&) {
    return true;
  }
}

}  // namespace

int main() {
  const size_t before = hz3_committed_bytes();
  std::vector<std::string> strings;
  std::thread([&strings] { strings.assign(8, std::string(1 << 20, 'x')); }).join();
  const bool grew = hz3_committed_bytes() - before >= (8 << 20);
  std::printf("hz3 %s, lane %s, new %s, bad_alloc %s\n", hz3_version(), hz3_lane(),
              grew ? "on hz3" : "elsewhere", ThrowsWhenThereIsNoMemory() ? "thrown" : "lost");
}
