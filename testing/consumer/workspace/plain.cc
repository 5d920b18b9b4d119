// Knows nothing of hz3 but a symbol that it has: prints whose malloc this process runs on.
#include <cstdio>
#include <vector>

extern "C" __attribute__((weak)) const char* hz3_lane(void);

int main() {
  const std::vector<int> some(1000, 1);
  std::printf("%s\n", hz3_lane == nullptr ? "the C library's" : hz3_lane());
  return some.size() == 1000 ? 0 : 1;
}
