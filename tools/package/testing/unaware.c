/* Knows nothing of hz3 and allocates by a function of the C library only. Says who made it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static char big[8 << 20];

int main(void) {
  const char* (*version)(void) = (const char* (*)(void))dlsym(RTLD_DEFAULT, "hz3_version");
  size_t (*committed)(void) = (size_t(*)(void))dlsym(RTLD_DEFAULT, "hz3_committed_bytes");
  memset(big, 'x', sizeof(big) - 1);
  if (version == NULL || committed == NULL) {
    printf("no hz3\n");
    return 1;
  }
  const size_t before = committed();
  char* volatile copy = strdup(big); /* volatile: clang leaves out what nobody looks at */
  if (copy == NULL) return 2;
  printf("hz3 %s, strdup %s\n", version(),
         committed() - before >= sizeof(big) ? "on hz3" : "elsewhere");
  return 0;
}
