// A C program that is linked statically with hz3 and musl, without a C++ runtime: threads that
// allocate, forks among them, the entry points that C has.

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char* hz3_version(void);

enum { kBlocks = 200, kSteps = 100000, kThreads = 4, kForks = 20 };

static void Fail(const char* what) {
  printf("musl_program: %s\n", what);
  fflush(stdout);
  _exit(1);
}

static void* UseHeap(void* argument) {
  unsigned seed = (unsigned)(uintptr_t)argument;
  char* blocks[kBlocks] = {0};
  size_t sizes[kBlocks];
  for (int step = 0; step < kSteps; ++step) {
    const int i = (int)((unsigned)rand_r(&seed) % kBlocks);
    if (blocks[i] == NULL) {
      sizes[i] = 1 + (unsigned)rand_r(&seed) % (1u << ((unsigned)rand_r(&seed) % 20));
      blocks[i] = malloc(sizes[i]);
      if (blocks[i] == NULL) Fail("malloc failed");
      blocks[i][0] = blocks[i][sizes[i] - 1] = (char)i;
    } else {
      if (blocks[i][0] != (char)i || blocks[i][sizes[i] - 1] != (char)i) Fail("a byte changed");
      free(blocks[i]);
      blocks[i] = NULL;
    }
  }
  for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
  return NULL;
}

static void ForkAndUseHeap(void) {
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(30);
    UseHeap((void*)9);
    _exit(0);
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) Fail("a child of fork did not end well");
}

static void UseOtherEntryPoints(void) {
  void* aligned = NULL;
  if (posix_memalign(&aligned, 1 << 20, 5) != 0 || (uintptr_t)aligned % (1 << 20) != 0) {
    Fail("posix_memalign");
  }
  free(aligned);
  char* zeroed = calloc(1000, 3);
  for (int i = 0; i < 3000; ++i) {
    if (zeroed[i] != 0) Fail("calloc");
  }
  strcpy(zeroed, "kept");
  zeroed = realloc(zeroed, 3 << 20);
  if (strcmp(zeroed, "kept") != 0 || malloc_usable_size(zeroed) < 3 << 20) Fail("realloc");
  free(zeroed);
}

int main(void) {
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i) {
    if (pthread_create(&threads[i], NULL, UseHeap, (void*)(i + 1)) != 0) Fail("pthread_create");
  }
  for (int i = 0; i < kForks; ++i) ForkAndUseHeap();
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  UseOtherEntryPoints();
  printf("hz3 %s\n", hz3_version());
  return 0;
}
