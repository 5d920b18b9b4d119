// Trace: a recorded allocation trace, checked and ready to be replayed. The format is in
// trace_format.h, the recorder is //bench:libtrace_record.so.
#ifndef BENCH_TRACE_H_
#define BENCH_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/lib/mapped_array.h"
#include "bench/trace_format.h"

namespace hz3::bench {

// One event. Blocks are named by places in a table: two that live at the same time never share one,
// and a realloc keeps its place.
struct TraceEvent {
  uint64_t size;
  uint32_t place;
  uint16_t thread;
  TraceOp op;  // never kThread or kEnd
  uint8_t align_log2;
};

// Events lie in memory of their own, which takes nothing from the allocator under test. Immutable.
class Trace {
 public:
  // No block of a trace is larger, no alignment is wider, no thread has a higher number.
  static constexpr uint64_t kMaxSize = uint64_t{1} << 40;
  static constexpr unsigned kMaxAlignLog2 = 30;
  static constexpr uint64_t kMaxThread = 65535;

  // Null, with one line in *error, when the bytes are no trace.
  static std::unique_ptr<Trace> Parse(std::string_view bytes, std::string* error);
  static std::unique_ptr<Trace> Load(const std::string& path, std::string* error);

  const TraceEvent& operator[](size_t index) const { return events_[index]; }
  size_t size() const { return count_; }
  uint32_t places() const { return places_; }    // of the table
  uint32_t threads() const { return threads_; }  // that took part

  // After so many events the most bytes are live, and how many.
  size_t peak_events() const { return peak_events_; }
  uint64_t peak_bytes() const { return peak_bytes_; }

 private:
  friend class TraceParser;
  explicit Trace(size_t most_events) : events_(most_events) {}

  MappedArray<TraceEvent> events_;
  size_t count_ = 0;
  uint32_t places_ = 0;
  uint32_t threads_ = 0;
  size_t peak_events_ = 0;
  uint64_t peak_bytes_ = 0;
};

}  // namespace hz3::bench

#endif  // BENCH_TRACE_H_
