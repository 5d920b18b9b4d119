#include "hz3/malloc_extension.h"

#include <cerrno>
#include <cstdint>
#include <iterator>

#include "hz3/base/random.h"
#include "hz3/background_purge.h"
#include "hz3/base/text.h"
#include "hz3/config/build_flags.h"
#include "hz3/config/config.h"
#include "hz3/heap.h"
#include "hz3/policy/budget_settings.h"
#include "hz3/private_heaps.h"

#define HZ3_EXPORT extern "C" __attribute__((visibility("default")))

using hz3::heap;

HZ3_EXPORT const char* hz3_version(void) { return hz3::kBuildVersion; }
HZ3_EXPORT const char* hz3_lane(void) { return hz3::kLaneName; }

HZ3_EXPORT size_t hz3_arena_bytes(void) { return heap.ArenaBytes(); }

HZ3_EXPORT size_t hz3_committed_bytes(void) {
  const hz3::MemBudget* budget = heap.budget();
  return budget == nullptr ? 0 : budget->committed_bytes();
}
HZ3_EXPORT size_t hz3_peak_committed_bytes(void) {
  const hz3::MemBudget* budget = heap.budget();
  return budget == nullptr ? 0 : budget->peak_committed_bytes();
}

namespace {

int Fail(int error) {
  errno = error;
  return -1;
}

// Calls change(budget) for a change that cannot fail once there is a heap.
template <typename Change>
int ChangeBudget(Change change) {
  hz3::MemBudget* budget = heap.budget();
  if (budget == nullptr) return Fail(ENOMEM);
  change(*budget);
  return 0;
}

int SetFromCgroup(unsigned percent, int (*set)(size_t)) {
  if (percent < 1 || percent > 100) return Fail(EINVAL);
  const size_t bytes = hz3::CgroupShare(percent);
  return bytes == hz3::MemBudget::kNoLimit ? Fail(ENOENT) : set(bytes);
}

}  // namespace

HZ3_EXPORT int hz3_set_limit(size_t bytes) {
  return ChangeBudget([=](hz3::MemBudget& budget) { budget.SetLimit(bytes); });
}
HZ3_EXPORT size_t hz3_limit(void) {
  const hz3::MemBudget* budget = heap.budget();
  return budget == nullptr ? SIZE_MAX : budget->limit();
}
HZ3_EXPORT int hz3_set_limit_from_cgroup(unsigned percent) {
  return SetFromCgroup(percent, hz3_set_limit);
}

HZ3_EXPORT int hz3_set_soft_limit(size_t bytes) {
  return ChangeBudget([=](hz3::MemBudget& budget) { budget.SetSoftLimit(bytes); });
}
HZ3_EXPORT size_t hz3_soft_limit(void) {
  const hz3::MemBudget* budget = heap.budget();
  return budget == nullptr ? SIZE_MAX : budget->soft_limit();
}
HZ3_EXPORT int hz3_set_soft_limit_from_cgroup(unsigned percent) {
  return SetFromCgroup(percent, hz3_set_soft_limit);
}

static_assert(HZ3_NO_DECAY == hz3::MemBudget::kNoDecay);
HZ3_EXPORT int hz3_set_decay_half_life_ms(size_t ms) {
  return ChangeBudget([=](hz3::MemBudget& budget) { budget.SetDecayHalfLife(ms); });
}
HZ3_EXPORT size_t hz3_decay_half_life_ms(void) {
  const hz3::MemBudget* budget = heap.budget();
  return budget == nullptr ? HZ3_NO_DECAY : budget->decay_half_life_ms();
}

HZ3_EXPORT int hz3_set_pressure_callback(hz3_pressure_callback callback, void* arg) {
  return ChangeBudget([=](hz3::MemBudget& budget) { budget.callback().Set(callback, arg); });
}

HZ3_EXPORT void hz3_release_thread(void) { heap.ReleaseThread(); }
HZ3_EXPORT size_t hz3_purge(void) { return heap.Trim(); }

namespace {

template <typename Print>
size_t PrintTo(char* buffer, size_t size, Print print) {
  hz3::Text text(buffer, size);
  print(heap.GetStats(), text);
  return text.wanted();
}

}  // namespace

HZ3_EXPORT size_t hz3_stats_text(char* buffer, size_t size) {
  return PrintTo(buffer, size, hz3::PrintStats);
}
HZ3_EXPORT size_t hz3_stats_json(char* buffer, size_t size) {
  const hz3::ClassStatsTable classes = heap.GetClassStats();
  return PrintTo(buffer, size, [&](const hz3::Stats& stats, hz3::Text& text) {
    hz3::PrintStatsJson(stats, classes, text);
  });
}
HZ3_EXPORT size_t hz3_stats_prometheus(char* buffer, size_t size) {
  return PrintTo(buffer, size, hz3::PrintStatsPrometheus);
}

HZ3_EXPORT int hz3_heap_profile_start(size_t interval) {
  if (interval == 0) interval = HZ3_HEAP_PROFILE_DEFAULT_INTERVAL;
  return heap.StartProfile(interval, hz3::ProcessSecret()) ? 0 : Fail(ENOMEM);
}
HZ3_EXPORT int hz3_heap_profile_stop(void) {
  heap.StopProfile();
  return 0;
}
HZ3_EXPORT int hz3_heap_profile_write(int fd, hz3_heap_profile_figure first) {
  static constexpr const char* kFirst[] = {"inuse_space", "peak_space", "alloc_space",
                                           "stranded_space"};
  const auto number = static_cast<size_t>(first);
  const int error = number < std::size(kFirst) ? heap.WriteProfile(kFirst[number], fd) : EINVAL;
  return error == 0 ? 0 : Fail(error);
}

HZ3_EXPORT int hz3_start_background_purge(size_t interval_ms) {
  const int error = hz3::background_purge.Start(interval_ms);
  return error == 0 ? 0 : Fail(error);
}
HZ3_EXPORT void hz3_stop_background_purge(void) { hz3::background_purge.Stop(); }

namespace {

hz3::PrivateHeap& Inside(hz3_heap* outside) {
  return *reinterpret_cast<hz3::PrivateHeap*>(outside);
}

}  // namespace

HZ3_EXPORT hz3_heap* hz3_heap_create(void) {
  return reinterpret_cast<hz3_heap*>(hz3::CreatePrivateHeap());
}
HZ3_EXPORT void hz3_heap_destroy(hz3_heap* owner) {
  if (owner != nullptr) hz3::DestroyPrivateHeap(&Inside(owner));
}
HZ3_EXPORT void* hz3_heap_allocate(hz3_heap* owner, size_t bytes) {
  return hz3::AllocateIn(Inside(owner), bytes, hz3::kMinAlign);
}
HZ3_EXPORT void* hz3_heap_allocate_aligned(hz3_heap* owner, size_t align, size_t bytes) {
  if (!hz3::IsPowerOfTwo(align)) {
    errno = EINVAL;
    return nullptr;
  }
  return hz3::AllocateIn(Inside(owner), bytes, align);
}
HZ3_EXPORT void hz3_heap_free(hz3_heap* owner, void* block) {
  hz3::FreeIn(Inside(owner), block);
}

HZ3_EXPORT int hz3_for_each_segment(hz3_segment_callback callback, void* arg) {
  return heap.ForEachSegment([=](void* address, const hz3::SegmentFigures& figures) {
    const hz3_segment segment = {
        .address = address,
        .bytes = figures.bytes,
        .is_block = figures.is_block ? 1 : 0,
        .shard = figures.owner.value(),
        .free_clean_pages = figures.free_clean_pages,
        .free_dirty_pages = figures.free_dirty_pages,
        .small_pages = figures.small_pages,
        .medium_pages = figures.medium_pages,
        .large_pages = figures.large_pages,
        .private_pages = figures.private_pages,
        .blocks_out = figures.objects_out,
        .objects_free = figures.objects_free,
    };
    return callback(&segment, arg);
  });
}
