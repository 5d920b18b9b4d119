// Any bytes as a trace: they are refused with a line, or every event is what the replayer relies
// on.

#include <string>
#include <string_view>
#include <vector>

#include "bench/trace.h"
#include "testing/fuzz/fuzz_input.h"

namespace hz3::bench {
namespace {

using fuzz::Require;

void CheckEvent(const TraceEvent& event, const Trace& trace, std::vector<bool>& live) {
  Require(event.place < trace.places(), "a place of the table");
  Require(event.size <= Trace::kMaxSize, "no larger than the largest");
  Require(event.align_log2 <= Trace::kMaxAlignLog2, "no wider than the widest");
  switch (event.op) {
    case TraceOp::kFree:
      Require(live[event.place], "only live blocks are freed");
      live[event.place] = false;
      break;
    case TraceOp::kRealloc:
      Require(live[event.place], "only live blocks are resized");
      break;
    case TraceOp::kMalloc:
    case TraceOp::kCalloc:
    case TraceOp::kAligned:
      Require(!live[event.place], "a new block has a place of its own");
      live[event.place] = true;
      break;
    default:
      Require(false, "an event that is replayed");
  }
}

}  // namespace
}  // namespace hz3::bench

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hz3::bench;
  // The header is not worth guessing.
  std::string bytes(kTraceMagic, sizeof(kTraceMagic));
  bytes.push_back(static_cast<char>(kTraceVersion));
  bytes.append(reinterpret_cast<const char*>(data), size);
  std::string error;
  const auto trace =
      Trace::Parse(size % 8 == 7 ? std::string_view(bytes).substr(5) : bytes, &error);
  hz3::fuzz::Require((trace == nullptr) == !error.empty(), "what is refused has its reason");
  if (trace == nullptr) {
    hz3::fuzz::Require(error.find('\n') == std::string::npos, "the reason is one line");
    return 0;
  }
  std::vector<bool> live(trace->places());
  for (size_t i = 0; i < trace->size(); ++i) CheckEvent((*trace)[i], *trace, live);
  return 0;
}
