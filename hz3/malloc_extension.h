/* malloc_extension: what hz3 offers beyond malloc(3). C and C++.
 *
 * Every function may be called by any thread at any time. Sizes are bytes. None of them fails
 * except where it says so; none changes errno except where it says so.
 */
#ifndef HZ3_MALLOC_EXTENSION_H_
#define HZ3_MALLOC_EXTENSION_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of hz3, "major.minor.patch". */
const char* hz3_version(void);
/* The lane this library was built as: "scale" or "fast". */
const char* hz3_lane(void);

/* Address space reserved for blocks; 0 when no heap could be made. */
size_t hz3_arena_bytes(void);
/* Bytes that may hold memory of the machine now, and the most that ever did. */
size_t hz3_committed_bytes(void);
size_t hz3_peak_committed_bytes(void);

/* The most bytes that may be committed, SIZE_MAX for no limit. An allocation that would need more
 * gives back and collects what it can, then fails with ENOMEM. A limit below what is committed now
 * forbids growth and takes nothing away. hz3_set_limit returns 0, or -1 with errno = ENOMEM when no
 * heap could be made. */
int hz3_set_limit(size_t bytes);
size_t hz3_limit(void);

/* Gives what the calling thread's bins hold back to the shards, for other threads to use. */
void hz3_release_thread(void);
/* The same, and gives all free pages of the process back to the system. Returns the bytes given
 * back. */
size_t hz3_purge(void);

/* Statistics, as text for people, as a JSON object, in Prometheus's text format. Writes at most
 * `size` bytes with the terminating zero to `buffer` and returns the length that the whole has
 * without it, as snprintf(3) does. docs/stats.md defines every figure. */
size_t hz3_stats_text(char* buffer, size_t size);
size_t hz3_stats_json(char* buffer, size_t size);
size_t hz3_stats_prometheus(char* buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* HZ3_MALLOC_EXTENSION_H_ */
