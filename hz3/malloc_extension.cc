#include "hz3/malloc_extension.h"

#include <cerrno>
#include <cstdint>

#include "hz3/base/text.h"
#include "hz3/config/config.h"
#include "hz3/heap.h"

#define HZ3_EXPORT extern "C" __attribute__((visibility("default")))

using hz3::heap;

HZ3_EXPORT const char* hz3_version(void) { return "0.1.0"; }
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

HZ3_EXPORT int hz3_set_limit(size_t bytes) {
  hz3::MemBudget* budget = heap.budget();
  if (budget == nullptr) {
    errno = ENOMEM;
    return -1;
  }
  budget->SetLimit(bytes);
  return 0;
}
HZ3_EXPORT size_t hz3_limit(void) {
  const hz3::MemBudget* budget = heap.budget();
  return budget == nullptr ? SIZE_MAX : budget->limit();
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
  return PrintTo(buffer, size, hz3::PrintStatsJson);
}
HZ3_EXPORT size_t hz3_stats_prometheus(char* buffer, size_t size) {
  return PrintTo(buffer, size, hz3::PrintStatsPrometheus);
}
