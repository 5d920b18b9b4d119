#include "tools/hz3/top_frame.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/lib/stats.h"
#include "bench/lib/table.h"
#include "tools/hz3/process_info.h"
#include "tools/hz3/text_map.h"

namespace hz3::tool {
namespace {

constexpr size_t kClassRows = 12;

std::string Bytes(uint64_t bytes) { return bench::HumanBytes(static_cast<double>(bytes)); }

std::string Head(pid_t pid, const TopInstant& now) {
  const HeapView& view = now.view;
  return absl::StrFormat(
      "%s (process %d)   hz3 lane %s   %u threads on %u shards   %s\n"
      "resident %s (peak %s)   committed %s (peak %s)   peak live %s   limit %s\n\n",
      ProgramOf(pid), pid, view.lane, view.threads, view.shards, UtcNow(), Bytes(now.residency.now),
      Bytes(now.residency.peak), Bytes(view.committed), Bytes(view.peak_committed),
      Bytes(view.peak_used), view.limit == 0 ? "none" : Bytes(view.limit));
}

// What happened between two instants, per second.
class Rates {
 public:
  Rates(const TopInstant& now, const TopInstant& before)
      : now_(now.view.events),
        before_(before.view.events),
        seconds_(std::max(1e-3, std::chrono::duration<double>(now.time - before.time).count())) {}

  double Of(uint64_t Events::*counter) const {
    // A torn look may be behind the one before.
    return now_.*counter < before_.*counter
               ? 0
               : static_cast<double>(now_.*counter - before_.*counter) / seconds_;
  }

 private:
  const Events& now_;
  const Events& before_;
  const double seconds_;
};

std::string RatesText(const Rates& rates) {
  return absl::StrFormat(
      "a second: %.0f refills, %.0f flushes, %.0f spans cut, %.0f runs, %.0f by mail, "
      "%.0f system calls (%.1f ms)\n",
      rates.Of(&Events::refills), rates.Of(&Events::flushes), rates.Of(&Events::spans_opened),
      rates.Of(&Events::runs_carved), rates.Of(&Events::mail_collected),
      rates.Of(&Events::os_calls), rates.Of(&Events::os_ns) / 1e6);
}

std::string PressureText(const Events& e) {
  return absl::StrFormat(
      "pressure so far: %u climbs, %u rescued, %u failed, %u broadcasts, %u soft limit reliefs, "
      "%.1f ms\n",
      e.climbs, e.rescues, e.failures, e.broadcasts, e.reliefs,
      static_cast<double>(e.pressure_ns) / 1e6);
}

std::string ClassTable(const HeapView& view) {
  std::vector<const ClassFigures*> rows;
  for (const ClassFigures& c : view.classes) {
    if (c.spans > 0) rows.push_back(&c);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const ClassFigures* a, const ClassFigures* b) {
    return a->live() * a->size > b->live() * b->size;
  });
  rows.resize(std::min(rows.size(), kClassRows));
  bench::Table table({"size class", "live", "objects", "cached", "mail", "free", "spans or runs"});
  for (const ClassFigures* c : rows) {
    table.AddRow({Bytes(c->size), Bytes(c->live() * c->size), absl::StrCat(c->live()),
                  absl::StrCat(c->cached), absl::StrCat(c->mail), absl::StrCat(c->free),
                  absl::StrCat(c->spans)});
  }
  return table.Text();
}

}  // namespace

std::string TopFrame(pid_t pid, const TopInstant& now, const TopInstant* before, size_t columns) {
  std::string frame = Head(pid, now) + OccupancyText(now.view.occupancy, columns) + "\n";
  if (before != nullptr) frame += RatesText(Rates(now, *before));
  return absl::StrCat(frame, PressureText(now.view.events), "\n", ClassTable(now.view));
}

}  // namespace hz3::tool
