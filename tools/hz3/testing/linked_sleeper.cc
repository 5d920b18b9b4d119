// A program that hz3 is linked into; waits to be killed.
#include <unistd.h>

#include <cstdlib>

int main() {
  void* volatile block = std::malloc(100);
  (void)block;
  for (;;) pause();
}
