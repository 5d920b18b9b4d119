// In place of a program whose malloc a sanitizer's runtime owns.

#include <cstdio>

int main() {
  std::puts("SKIP: the sanitizer's runtime owns malloc here");
  return 0;
}
