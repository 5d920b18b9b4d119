#include "hz3/observe/heap_profile.h"

#include <ctime>

#include "hz3/base/exponential.h"
#include "hz3/observe/call_stack.h"
#include "hz3/observe/fragmentation.h"

namespace hz3 {
namespace {

// A new peak is noted when it is this much above the last one: so often that a growing heap is
// never described by less than that share of its peak, so seldom that it costs nothing.
constexpr double kPeakStep = 1.005;
// Samples looked at between two holds of the lease.
constexpr unsigned kBatch = 64;

// The thread unwinds its stack; what the unwinder allocates is not sampled.
constinit thread_local bool collecting = false;

uint64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

bool HeapProfile::Start(OsMemory& os, size_t interval) {
  LeaseHolder hold(lease_);
  if (tables() == nullptr) {
    void* memory = CommitBetweenGuards(os, sizeof(Tables));
    if (memory == nullptr) return false;
    tables_.store(static_cast<Tables*>(memory), std::memory_order_release);
  }
  tables()->sites.ClearFigures();
  ++run_;
  interval_ = interval;
  started_ns_ = NowNs();
  samples_ = lost_ = 0;
  live_ = peak_ = allocated_ = {};
  sampling_.store(true, std::memory_order_relaxed);
  return true;
}

Estimate HeapProfile::Weighed(size_t bytes) const {
  const double size = static_cast<double>(bytes);
  const double objects =
      1 / (interval_ <= 1 ? 1 : OneMinusExp(size / static_cast<double>(interval_)));
  return {objects, objects * size};
}

// Not inlined: its frame is where stacks are known by.
__attribute__((noinline)) bool HeapProfile::NoteAllocation(const void* block, size_t bytes) {
  const void* const base = __builtin_frame_address(0);
  {
    LeaseHolder hold(lease_);
    const uint32_t site = tables()->sites.Lookup(base);
    if (site != CallSites::kUnknown) return Insert(block, bytes, site);
  }
  if (collecting) return false;
  collecting = true;
  CallStack stack;
  stack.Collect(base);
  collecting = false;
  LeaseHolder hold(lease_);
  return Insert(block, bytes, tables()->sites.Intern(base, stack));
}

bool HeapProfile::Insert(const void* block, size_t bytes, uint32_t site) {
  if (!tables()->samples.Insert({block, bytes, site, run_})) {
    ++lost_;
    return false;
  }
  const Estimate one = Weighed(bytes);
  CallSites::Site& its = tables()->sites.site(site);
  for (Estimate* sum : {&its.live, &its.allocated, &live_, &allocated_}) {
    sum->Add(one.objects, one.bytes);
  }
  ++samples_;
  return true;
}

void HeapProfile::NoteFree(const void* block) {
  LeaseHolder hold(lease_);
  Sample sample;
  if (!tables()->samples.Remove(block, &sample) || sample.run != run_) return;
  NotePeak();
  const Estimate one = Weighed(sample.bytes);
  tables()->sites.site(sample.site).live.Add(-one.objects, -one.bytes);
  live_.Add(-one.objects, -one.bytes);
  // What rounding leaves of many sums is no block.
  if (--samples_ == 0) live_ = {};
}

// The peak is what is live before a free.
void HeapProfile::NotePeak() {
  if (live_.bytes <= peak_.bytes * kPeakStep) [[likely]]
    return;
  peak_ = live_;
  CallSites& sites = tables()->sites;
  for (uint32_t i = 0; i < sites.count(); ++i) sites.site(i).peak = sites.site(i).live;
}

unsigned HeapProfile::CopySamples(unsigned from, Sample* out, unsigned n, unsigned* next) {
  LeaseHolder hold(lease_);
  const SampleTable& samples = tables()->samples;
  unsigned got = 0;
  for (; from < samples.end() && got < n; ++from) {
    const Sample& sample = samples.at(from);
    if (sample.block != nullptr && sample.run == run_) out[got++] = sample;
  }
  *next = from;
  return got;
}

// A block that is freed meanwhile, or again in use, is looked at as it is then.
void HeapProfile::MeasureFragmentation(const ShardTable& shards) {
  if (!has_run()) return;
  CallSites& sites = tables()->sites;
  const unsigned known = site_count();
  for (uint32_t i = 0; i < known; ++i) sites.site(i).stranded = sites.site(i).pinned = {};
  Sample batch[kBatch];
  unsigned next = 0;
  while (const unsigned n = CopySamples(next, batch, kBatch, &next)) {
    for (unsigned i = 0; i < n; ++i) {
      const Fragmentation part = FragmentationBy(shards, batch[i].block);
      LeaseHolder hold(lease_);
      const double weight = Weighed(batch[i].bytes).objects;
      CallSites::Site& site = sites.site(batch[i].site);
      site.stranded.Add(weight, weight * part.stranded);
      site.pinned.Add(weight, weight * part.pinned);
    }
  }
}

HeapProfile::Summary HeapProfile::GetSummary() {
  Summary summary;
  if (!has_run()) return summary;
  LeaseHolder hold(lease_);
  NotePeak();
  summary.interval = interval_;
  summary.started_ns = started_ns_;
  summary.samples = samples_;
  summary.lost = lost_ + tables()->sites.overflows();
  summary.live = live_;
  summary.peak = peak_;
  summary.allocated = allocated_;
  return summary;
}

unsigned HeapProfile::site_count() {
  if (!has_run()) return 0;
  LeaseHolder hold(lease_);
  return tables()->sites.count();
}

CallSites::Site HeapProfile::SiteAt(uint32_t i) {
  LeaseHolder hold(lease_);
  return tables()->sites.site(i);
}

unsigned HeapProfile::address_count() {
  if (!has_run()) return 0;
  LeaseHolder hold(lease_);
  return tables()->sites.address_count();
}

uintptr_t HeapProfile::AddressAt(uint32_t i) {
  LeaseHolder hold(lease_);
  return tables()->sites.Address(i);
}

unsigned HeapProfile::FramesOf(const CallSites::Site& site, uint32_t* out) {
  LeaseHolder hold(lease_);
  for (unsigned i = 0; i < site.frames; ++i) out[i] = tables()->sites.AddressOfFrame(site, i);
  return site.frames;
}

}  // namespace hz3
