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

/* Above so many committed bytes hz3 gives free memory back to the system before it uses more, and
 * keeps its caches small; SIZE_MAX for no such limit. It never fails an allocation: a program that
 * needs more than this gets it. Results as above. */
int hz3_set_soft_limit(size_t bytes);
size_t hz3_soft_limit(void);

/* The same two limits as `percent` (1 to 100) of what the control group of the process may use, by
 * memory.max of cgroups version 2 or memory.limit_in_bytes of version 1, the smallest on the way up.
 * The group also counts what hz3 does not: thread stacks, the program itself, hz3's metadata, page
 * cache. 90 percent, and 75 for the soft limit, leave room for that in most services. Returns 0, or
 * -1 with errno = ENOENT when the group has no limit, EINVAL for another percent, ENOMEM when no
 * heap could be made; nothing has changed then. */
int hz3_set_limit_from_cgroup(unsigned percent);
int hz3_set_soft_limit_from_cgroup(unsigned percent);

/* Free memory that nobody needed for a while goes back to the system, half of it in this many
 * milliseconds. 0: all of it, ten times a second; HZ3_NO_DECAY: none by itself. This happens while
 * the program allocates and frees, never by a thread of hz3's own. hz3_set_decay_half_life_ms
 * returns 0, or -1 with errno = ENOMEM when no heap could be made. */
#define HZ3_NO_DECAY ((size_t)-1)
int hz3_set_decay_half_life_ms(size_t ms);
size_t hz3_decay_half_life_ms(void);

/* A function that hz3 calls before an allocation of `bytes` fails, when nothing is left in its own
 * caches, on the thread that allocates. It may free, allocate and set limits, and holds up nobody
 * else; it must return, and not throw. Non-zero says that something was given back: the allocation
 * is tried once more, and up to eight times while others are the first to take what it gave back.
 * Several threads may be in it at once; inside it a failure is just a failure.
 * After it had nothing to give it is not called again until something is freed, so a program that
 * asks in vain again and again stays fast. What exceeds the whole limit or arena by itself fails
 * without a call. NULL: none. When hz3_set_pressure_callback returns, another thread may still be
 * in the function that was set before. It returns 0, or -1 with errno = ENOMEM when no heap could be
 * made. */
typedef int (*hz3_pressure_callback)(size_t bytes, void* arg);
int hz3_set_pressure_callback(hz3_pressure_callback callback, void* arg);

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

/* Heap profile: which call stacks allocated what is live, what was live at the peak, what was
 * allocated since the start, and which of them keep free memory from being given back
 * (docs/profiles.md). Blocks are sampled at random, one every `interval` bytes on average, 0 for
 * the default, 1 for every block; figures are estimates for all blocks.
 *
 * hz3_heap_profile_start begins anew, with all figures at 0: blocks that are live by then are not in
 * the profile, and other threads follow at their next slow path. hz3_heap_profile_stop ends the
 * sampling; frees of blocks that were sampled are still noted, so what is written later is still
 * true of them. hz3_heap_profile_start returns 0, or -1 with errno = ENOMEM when its memory could
 * not be had; hz3_heap_profile_stop returns 0.
 *
 * hz3_heap_profile_write writes all figures to a file descriptor, gzipped, in the format of pprof,
 * whose readers show `first` first. Returns 0, or -1 with errno = EINVAL when there was no start or
 * no such figure, ENOMEM, or what write(2) says; the file is of no use then. It takes the dynamic
 * linker's lock and must not be called by the handler of a signal. One thread writes at a time,
 * others wait. */
#define HZ3_HEAP_PROFILE_DEFAULT_INTERVAL ((size_t)512 << 10)
typedef enum hz3_heap_profile_figure {
  HZ3_HEAP_PROFILE_LIVE = 0,
  HZ3_HEAP_PROFILE_PEAK = 1,
  HZ3_HEAP_PROFILE_ALLOCATED = 2,
  HZ3_HEAP_PROFILE_FRAGMENTATION = 3
} hz3_heap_profile_figure;
int hz3_heap_profile_start(size_t interval);
int hz3_heap_profile_stop(void);
int hz3_heap_profile_write(int fd, hz3_heap_profile_figure first);

/* A thread of hz3's own that gives memory back while the process is idle: it looks every
 * `interval_ms` milliseconds (1 to 3600000), and when nothing happened in hz3 between two looks but
 * what the threads' bins served, it empties those bins and gives all free pages back, as hz3_purge
 * does. That takes some milliseconds of its own time; threads that go on afterwards fill their bins
 * anew. While there is something going on, only what is due by the half-life goes back.
 * There is no such thread unless somebody asks: by this function, or from the start of the process
 * by HZ3_BACKGROUND_PURGE_MS=interval in the environment. Asking again changes the interval. The
 * thread has all signals blocked and a stack of its own; it does not keep a process alive; the
 * child of a fork has none, and may ask for one.
 * Returns 0, or -1 with errno = ENOTSUP in lane fast, EINVAL for an interval that is none, EAGAIN
 * or ENOMEM when the thread could not be created. */
int hz3_start_background_purge(size_t interval_ms);
/* It ends soon after this returns, at once if it sleeps. Nothing happens when there is none. */
void hz3_stop_background_purge(void);

/* A heap of its own: blocks that are given back all at once. Any number of them, used by any number
 * of threads at a time; only hz3_heap_destroy must be the last that is done with a heap. Allocating
 * takes constant time and a lock that a few heaps share, never the fast path of malloc; a heap
 * costs 4 KiB, and 4 to 32 KiB for each size in use up to 3.75 KiB, up to 60 KiB for each up to 4.5
 * KiB; larger blocks take whole pages of 4 KiB. Its memory counts like all other for limits, and free
 * pages of it serve everybody. After a fork both processes have the heap. The hardened library does not check what is in it more than
 * the others do. */
typedef struct hz3_heap hz3_heap;
/* NULL with errno = ENOMEM on failure. */
hz3_heap* hz3_heap_create(void);
/* Frees every block of the heap, live or not, in time by the number of its pages' pieces rather than
 * of blocks, and then the heap. NULL: nothing. Using it, or its blocks, afterwards is an error, which
 * is reported and ends the process where it is noticed. */
void hz3_heap_destroy(hz3_heap* heap);
/* A block of at least `bytes` (0 counts as 1), aligned as malloc's, or to `align`. NULL with
 * errno = ENOMEM when there is no memory, EINVAL when `align` is no power of two. */
void* hz3_heap_allocate(hz3_heap* heap, size_t bytes);
void* hz3_heap_allocate_aligned(hz3_heap* heap, size_t align, size_t bytes);
/* Frees one block of this heap; NULL: nothing. free does the same and need not know the heap, and
 * malloc_usable_size tells its size. realloc may leave the block where it is, or move it out of the
 * heap: then it is like one of malloc's. A block that is free already or of another heap is reported
 * and ends the process. */
void hz3_heap_free(hz3_heap* heap, void* block);

/* What hz3_for_each_segment tells of 2 MiB of address space, or of one block of more than that.
 * Later versions may add members at the end. */
typedef struct hz3_segment {
  void* address;  /* of its first byte, a multiple of 2 MiB */
  size_t bytes;   /* 2 MiB; of a block of more, that block rounded up to 2 MiB */
  int is_block;   /* 1: it is one such block, and no shard owns it */
  unsigned shard; /* who owns it, from 0 */
  /* Its pages of 4 KiB, each in one of these. */
  size_t free_clean_pages; /* free, and without memory of the machine */
  size_t free_dirty_pages; /* free, and may hold memory */
  size_t small_pages;      /* cut into objects */
  size_t medium_pages;     /* in blocks of 1 to 8 pages */
  size_t large_pages;      /* in longer ones */
  size_t private_pages;    /* of heaps that hz3_heap_create made; their blocks are not counted */
  /* Blocks that are live or in the bins of some thread, which only that thread could tell apart;
   * and free objects on the small pages. */
  size_t blocks_out;
  size_t objects_free;
} hz3_segment;

/* Calls callback(segment, arg) for each segment that was in use when the walk began, by address.
 * `segment` is valid during the call only. Each is looked at in one piece, but different ones at
 * different instants, and other threads go on meanwhile. The callback runs on this thread under no
 * lock of hz3: it may allocate and free; it must not throw. Non-zero ends the walk. Returns what
 * the callback returned last; 0 when there was nothing to call it for. */
typedef int (*hz3_segment_callback)(const hz3_segment* segment, void* arg);
int hz3_for_each_segment(hz3_segment_callback callback, void* arg);

#ifdef __cplusplus
}
#endif

#endif /* HZ3_MALLOC_EXTENSION_H_ */
