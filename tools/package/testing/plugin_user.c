/* Uses plugin.c, whose versioned symbols bring hz3 along. */
#include <stdio.h>
#include <stdlib.h>

void* plugin_allocate(size_t bytes);
const char* plugin_version(void);

int main(void) {
  void* block = plugin_allocate(100);
  printf("hz3 %s\n", plugin_version());
  free(block); /* aborts unless both have the same malloc */
  return block == NULL;
}
