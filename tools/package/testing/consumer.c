/* A program that is linked with hz3. Says whose malloc the C library itself uses. */
#include <hz3/malloc_extension.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char big[8 << 20];

int main(void) {
  memset(big, 'x', sizeof(big) - 1);
  const size_t before = hz3_committed_bytes();
  char* volatile copy = strdup(big); /* volatile: clang leaves out what nobody looks at */
  const size_t grown = hz3_committed_bytes() - before;
  printf("hz3 %s, lane %s, strdup %s\n", hz3_version(), hz3_lane(),
         copy != NULL && grown >= sizeof(big) ? "on hz3" : "elsewhere");
  free(copy);
  return 0;
}
