/* A library with symbol versions of its own that is linked with hz3. */
#include <hz3/malloc_extension.h>
#include <stdlib.h>

void* plugin_allocate(size_t bytes);
const char* plugin_version(void);

void* plugin_allocate(size_t bytes) { return malloc(bytes); }
const char* plugin_version(void) { return hz3_version(); }
