/* Holds some memory and prints what hz3 says of it. */
#include <stdio.h>
#include <stdlib.h>

#include "hz3/malloc_extension.h"

int main(void) {
  char *block = calloc(1000, 10000);
  if (block == NULL) return 1;
  printf("{\"version\": \"%s\", \"lane\": \"%s\", \"committed_bytes\": %lu}\n", hz3_version(),
         hz3_lane(), (unsigned long)hz3_committed_bytes());
  free(block);
  return 0;
}
