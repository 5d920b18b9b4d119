#include "bench/workloads/fill_run.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "bench/lib/mapped_array.h"
#include "bench/lib/process_usage.h"
#include "bench/workloads/address_space.h"
#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

using Clock = std::chrono::steady_clock;

// The blocks that are asked for when memory is exhausted are no smaller than this.
constexpr uint64_t kMinProbe = 64;

uint64_t Ops(const Ledger& ledger) {
  return ledger.Total(&Account::allocs) + ledger.Total(&Account::frees) +
         ledger.Total(&Account::failures);
}

// A malloc whose result the compiler must not guess.
void* Malloc(uint64_t size) {
  void* volatile pointer = std::malloc(size);
  return pointer;
}

class Run {
 public:
  Run(Workload* workload, Ledger* ledger, const FillOptions& options)
      : workload_(*workload),
        ledger_(*ledger),
        options_(options),
        probes_(options.scale_bytes / kMinProbe),
        crew_(ledger->threads()) {}

  FillResult DoNothing() {
    crew_.Run([](size_t) {});
    result_.bare_bytes = AddressSpaceBytes();
    workload_.AfterRun();
    return result_;
  }

  FillResult Do(uint64_t failing_mallocs) {
    RunPhases();
    if (options_.work > 0 && !ledger_.stopped()) Work();
    FileWhatIsLive();
    if (ledger_.stopped()) ProbeExhaustedMemory(failing_mallocs);
    result_.peak_rss_bytes = PeakRssBytes();
    result_.own_touched_bytes = workload_.OwnTouchedBytes();
    workload_.AfterRun();
    crew_.Run([this](size_t thread) { workload_.FreeAll(thread); });
    return result_;
  }

 private:
  void RunPhases() {
    for (int phase = 0; phase < workload_.phases(); ++phase) {
      crew_.Run([this, phase](size_t thread) { workload_.RunPhase(phase, thread); },
                [this] { ledger_.meter().Sample(); });
      ledger_.meter().Sample();
      const bool on_purpose = workload_.FillsOnPurpose(phase);
      if (ledger_.stopped() && !on_purpose) return;
      if (on_purpose) result_.planned_live = ledger_.first_failure().live;
      workload_.AfterPhase(phase);
      if (phase + 1 < workload_.phases()) ledger_.Resume();
    }
  }

  void Work() {
    const uint64_t ops_before = Ops(ledger_);
    const CpuTime cpu_before = ProcessCpuTime();
    result_.seconds = crew_.Run([this](size_t thread) { workload_.Work(thread, options_.work); },
                                [this] { ledger_.meter().Sample(); });
    result_.cpu_seconds = ProcessCpuTime().Total() - cpu_before.Total();
    result_.ops = Ops(ledger_) - ops_before;
  }

  void FileWhatIsLive() {
    result_.first_failure = ledger_.first_failure();
    result_.failures = ledger_.Total(&Account::failures);
    result_.live_at_rest = ledger_.meter().Sum();
    result_.requested_at_rest = ledger_.Total(&Account::requested);
    result_.strict_at_rest = ledger_.Total(&Account::strict);
    result_.peak_live = ledger_.meter().peak();
  }

  // What is got here keeps the memory exhausted until the failures are timed.
  void ProbeExhaustedMemory(uint64_t failing_mallocs) {
    const uint64_t size = std::max(result_.first_failure.size, kMinProbe);
    size_t count = 0;
    while (count < probes_.size() && (probes_[count] = Malloc(size)) != nullptr) ++count;
    result_.still_had_bytes = count * RoundedSize(size);
    if (failing_mallocs > 0 && count < probes_.size()) TimeFailures(size, failing_mallocs);
    for (size_t i = 0; i < count; ++i) std::free(probes_[i]);
  }

  void TimeFailures(uint64_t size, uint64_t count) {
    const Clock::time_point begin = Clock::now();
    for (uint64_t i = 0; i < count; ++i) std::free(Malloc(size));
    const std::chrono::duration<double, std::nano> one = Clock::now() - begin;
    result_.failing_ns = one.count() / static_cast<double>(count);

    const CpuTime before = ProcessCpuTime();
    crew_.Run([size, count](size_t) {
      for (uint64_t i = 0; i < count; ++i) std::free(Malloc(size));
    });
    const double cpu = ProcessCpuTime().Total() - before.Total();
    result_.failing_all_ns = cpu * 1e9 / static_cast<double>(count * ledger_.threads());
  }

  Workload& workload_;
  Ledger& ledger_;
  const FillOptions& options_;
  // Mapped before memory is exhausted.
  MappedArray<void*> probes_;
  Crew crew_;
  FillResult result_;
};

}  // namespace

FillResult RunBare(Workload* workload, Ledger* ledger, const FillOptions& options) {
  return Run(workload, ledger, options).DoNothing();
}

FillResult RunFill(Workload* workload, Ledger* ledger, const FillOptions& options,
                   uint64_t failing_mallocs) {
  return Run(workload, ledger, options).Do(failing_mallocs);
}

}  // namespace hz3::bench
