// Says which file each of malloc's symbols comes from in this process, and what hz3 calls itself.

#include <dlfcn.h>

#include <cstdio>

namespace {

constexpr const char* kSymbols[] = {"malloc",
                                    "free",
                                    "calloc",
                                    "realloc",
                                    "reallocarray",
                                    "memalign",
                                    "valloc",
                                    "pvalloc",
                                    "posix_memalign",
                                    "aligned_alloc",
                                    "free_sized",
                                    "mallinfo2",
                                    "malloc_trim",
                                    "malloc_usable_size",
                                    "free_aligned_sized",
                                    "malloc_info",
                                    "malloc_stats",
                                    "_Znwm",
                                    "_Znam",
                                    "_ZdlPv",
                                    "_ZdaPv",
                                    "_ZdlPvm",
                                    "_ZnwmSt11align_val_t",
                                    "_ZnwmRKSt9nothrow_t",
                                    "hz3_version"};

int PrintOrigin(const char* name) {
  void* symbol = dlsym(RTLD_DEFAULT, name);
  Dl_info info;
  const bool known = symbol != nullptr && dladdr(symbol, &info) != 0;
  std::printf("%s from %s\n", name, known ? info.dli_fname : "nowhere");
  return known ? 0 : 1;
}

int PrintAnswer(const char* what, const char* function) {
  auto* ask = reinterpret_cast<const char* (*)()>(dlsym(RTLD_DEFAULT, function));
  std::printf("%s %s\n", what, ask == nullptr ? "unknown" : ask());
  return ask == nullptr ? 1 : 0;
}

}  // namespace

int main() {
  int missing = 0;
  for (const char* name : kSymbols) missing += PrintOrigin(name);
  missing += PrintAnswer("version", "hz3_version");
  missing += PrintAnswer("lane", "hz3_lane");
  return missing == 0 ? 0 : 1;
}
