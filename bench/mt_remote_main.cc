// The command line of the seed benchmark; bench/mt_remote.h says what it measures.
#include <cstdio>
#include <string>

#include "bench/lib/machine.h"
#include "bench/lib/plain_args.h"
#include "bench/mt_remote.h"

namespace {

using hz3::bench::MtRemoteOptions;
using hz3::bench::Range;

constexpr char kDescription[] =
    "Threads allocate random sizes; part of the blocks is freed by the next thread.\n"
    "Start it with LD_PRELOAD=<allocator> to measure that allocator.\n";

struct CommandLine {
  MtRemoteOptions options;
  std::string on_full = "free";
  bool touch = false;
  bool fill = false;
  bool fail_on_alloc_failed = false;
  std::string json;
};

void Declare(hz3::bench::PlainArgs* args, CommandLine* line) {
  constexpr Range kSizes = {1, (uint64_t{1} << 32) - 1};
  constexpr Range kRingSlots = {1, uint64_t{1} << 26};
  MtRemoteOptions& o = line->options;
  args->Required("threads", "in a circle", {1, 4096}, &o.threads);
  args->Required("iters", "per thread", {1, uint64_t{1} << 40}, &o.iters);
  args->Required("ws", "slots per thread", {1, uint64_t{1} << 26}, &o.ws);
  args->Required("min", "smallest block in bytes", kSizes, &o.min_size);
  args->Required("max", "largest block in bytes", kSizes, &o.max_size);
  args->Required("remote_pct", "blocks freed by the next thread, in %", {0, 100}, &o.remote_pct);
  args->Optional("ring_slots", "blocks that wait between two threads", kRingSlots, &o.ring_slots);
  args->Number("ring_slots", "the same as a flag", kRingSlots, &o.ring_slots);
  args->Choice("on_full", "ring full: free here, or wait for room", {"free", "wait"},
               &line->on_full);
  args->Switch("touch", "write the first and last byte of each block", &line->touch);
  args->Switch("fill", "write all bytes of each block", &line->fill);
  args->Number("max_live_mib", "live bytes never exceed this: the rings count as full",
               {1, 1u << 30}, &o.max_live_mib);
  args->Number("seed", "of the random numbers", {0, UINT64_MAX}, &o.seed);
  args->Switch("fail_on_alloc_failed", "exit with 1 when an allocation failed",
               &line->fail_on_alloc_failed);
  args->Text("json", "write the result there too", &line->json);
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  hz3::bench::PlainArgs args(kDescription);
  Declare(&args, &line);
  hz3::bench::ParseOrExit(&args, argc, argv);
  line.options.on_full =
      line.on_full == "wait" ? hz3::bench::OnFull::kWait : hz3::bench::OnFull::kFree;
  line.options.writes = hz3::bench::WritesFrom(line.touch, line.fill);
  if (const auto reason = hz3::bench::WhyNotRunnable(line.options)) {
    std::fprintf(stderr, "mt_remote: %s\n", reason->c_str());
    return 2;
  }

  const hz3::bench::MtRemoteResult result = hz3::bench::RunMtRemote(line.options);
  const hz3::bench::Report report = hz3::bench::MakeReport(line.options, result);
  std::printf("machine: %s\n%s", ToString(hz3::bench::ThisMachine()).c_str(),
              report.Text().c_str());
  if (!WriteJsonReport(report, line.json)) return 2;
  return line.fail_on_alloc_failed && result.alloc_failed > 0 ? 1 : 0;
}
