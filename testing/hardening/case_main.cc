// Runs one case of the catalogue: `case NAME SIZE`, or lists them: `case --list`, one a line as
// "name<TAB>size<TAB>kind<TAB>mistake". Preload the allocator to be tested.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "testing/hardening/cases.h"

namespace hz3::testlib {
namespace {

constexpr const char* kNoSize = "-";

void Print(const Case& c, const char* size) {
  std::printf("%s\t%s\t%s\t%s\n", c.name, size, c.kind, c.mistake);
}

int List() {
  for (const Case& c : AllCases()) {
    if (!c.sized) Print(c, kNoSize);
    for (const BlockSize& size : kBlockSizes) {
      if (c.sized) Print(c, size.name);
    }
  }
  return 0;
}

const char* NameOf(Effect effect) {
  switch (effect) {
    case Effect::kHarm:
      return "harm\n";
    case Effect::kNoHarm:
      return "no harm\n";
    case Effect::kRefused:
      return "refused\n";
  }
  return "";
}

// write(2): the heap may be in any state.
int Run(const Case& c, std::size_t bytes) {
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const char* const text = NameOf(c.run(bytes));
  return write(STDOUT_FILENO, text, std::strlen(text)) > 0 ? 0 : 1;
}

std::size_t BytesOf(const char* name) {
  for (const BlockSize& size : kBlockSizes) {
    if (std::strcmp(size.name, name) == 0) return size.bytes;
  }
  return 0;
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) return List();
  if (argc == 3) {
    const bool sized = std::strcmp(argv[2], kNoSize) != 0;
    const std::size_t bytes = sized ? BytesOf(argv[2]) : kBlockSizes[0].bytes;
    for (const Case& c : AllCases()) {
      if (std::strcmp(c.name, argv[1]) == 0 && c.sized == sized && bytes > 0) return Run(c, bytes);
    }
  }
  std::fprintf(stderr, "usage: case --list | case NAME small|medium|large|-\n");
  return 2;
}

}  // namespace
}  // namespace hz3::testlib

int main(int argc, char** argv) { return hz3::testlib::Main(argc, argv); }
