// sysconf(3) of a machine with pages of HZ3_TEST_PAGE_BYTES, by `ld --wrap=sysconf`.

#include <unistd.h>

#include <cstdlib>

extern "C" {

long __real_sysconf(int name);

long __wrap_sysconf(int name) {
  const char* bytes = getenv("HZ3_TEST_PAGE_BYTES");
  return name == _SC_PAGESIZE && bytes != nullptr ? atol(bytes) : __real_sysconf(name);
}

}  // extern "C"
