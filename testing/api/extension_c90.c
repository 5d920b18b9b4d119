/* hz3/malloc_extension.h in a C program of 1990, linked with hz3: every function is there, says
 * something sensible, and a walk over the segments may allocate. Exit code 0, or 1 and one line. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hz3/malloc_extension.h"

#define MIB ((size_t)1 << 20)

static void Require(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "extension_c90: %s\n", what);
  exit(1);
}

struct Walk {
  size_t segments;
  size_t pages;
  size_t out;
  const char* block;
  size_t block_bytes;
  const char* last;
};

static int Count(const hz3_segment* segment, void* arg) {
  struct Walk* walk = (struct Walk*)arg;
  void* own = malloc(1000);
  const char* begin = (const char*)segment->address;
  Require(own != NULL, "malloc failed in the callback");
  Require(begin > walk->last, "not in order");
  Require(segment->bytes % (2 * MIB) == 0, "a segment is not of 2 MiB");
  Require(segment->free_clean_pages + segment->free_dirty_pages + segment->small_pages +
                  segment->medium_pages + segment->large_pages + segment->private_pages ==
              segment->bytes / 4096,
          "the pages do not add up");
  ++walk->segments;
  walk->pages += segment->bytes / 4096;
  walk->out += segment->blocks_out;
  walk->last = begin;
  if (walk->block >= begin && walk->block < begin + segment->bytes && segment->is_block) {
    walk->block_bytes = segment->bytes;
  }
  free(own);
  return 0;
}

static int StopAtOnce(const hz3_segment* segment, void* arg) {
  ++*(int*)arg;
  return segment == NULL ? 1 : 7;
}

static void WalkSegments(void) {
  struct Walk walk = {0};
  int calls = 0;
  void* small = malloc(100);
  void* large = malloc(5 * MIB);
  walk.block = (const char*)large;
  Require(small != NULL && large != NULL, "malloc failed");
  Require(hz3_for_each_segment(Count, &walk) == 0, "the walk did not end with 0");
  Require(walk.segments >= 2 && walk.out >= 2, "the walk missed something");
  Require(walk.block_bytes == 6 * MIB, "the walk did not see the block of 5 MiB as one");
  Require(hz3_for_each_segment(StopAtOnce, &calls) == 7 && calls == 1, "the walk did not stop");
  free(large);
  free(small);
}

static int NothingToGive(size_t bytes, void* arg) {
  (void)bytes;
  ++*(int*)arg;
  return 0;
}

static void SetAndGet(void) {
  int asked = 0;
  void* volatile none;
  Require(hz3_set_limit(hz3_committed_bytes() + 4 * MIB) == 0, "no limit could be set");
  Require(hz3_limit() < hz3_arena_bytes(), "the limit is not as set");
  Require(hz3_set_pressure_callback(NothingToGive, &asked) == 0, "no callback could be set");
  none = malloc(3 * MIB);
  Require(none != NULL, "3 MiB of 4 could not be had");
  free(none);
  hz3_set_pressure_callback(NULL, NULL);
  Require(hz3_set_limit((size_t)-1) == 0 && hz3_limit() == (size_t)-1, "the limit stayed");
  Require(hz3_set_soft_limit((size_t)-1) == 0 && hz3_soft_limit() == (size_t)-1, "soft limit");
  Require(hz3_set_decay_half_life_ms(hz3_decay_half_life_ms()) == 0, "half-life");
  Require(hz3_set_limit_from_cgroup(0) == -1 && hz3_set_soft_limit_from_cgroup(101) == -1,
          "a percentage that is none was taken");
}

int main(void) {
  static char text[1 << 16];
  Require(strchr(hz3_version(), '.') != NULL && hz3_lane()[0] != '\0', "no version or lane");
  WalkSegments();
  SetAndGet();
  hz3_release_thread();
  hz3_purge();
  Require(hz3_peak_committed_bytes() >= hz3_committed_bytes(), "peak below committed");
  Require(hz3_stats_text(text, sizeof(text)) > 100, "no text");
  Require(hz3_stats_prometheus(text, sizeof(text)) > 100, "no metrics");
  Require(hz3_stats_json(text, sizeof(text)) > 100 && text[0] == '{', "no JSON");
  puts(hz3_version());
  return 0;
}
