// The file format of recorded allocation traces, and what writes it. bench/trace.h reads it.
//
//   file    "HZ3T", a byte 1 (the version), events, the end event, nothing after it
//   event   one varint: value * 8 + op; some ops are followed by more varints
//   varint  seven bits a byte, the lowest first; the top bit says that more follow
//
//   op        value     then      meaning
//   malloc    size                a block of so many bytes
//   calloc    size                the same, zeroed
//   aligned   size      log2      the same at a multiple of 2^log2
//   realloc   size      age       the block of that age gets this size
//   free      age                 the block of that age is freed
//   thread    number              the events from here on are those of this thread; 0 at first
//   end       events              how many events came before, threads included
//
// Blocks are numbered from 0 in the order in which they come, a realloc gives a new number, and an
// age is the number of the next block minus that of the block meant.
#ifndef BENCH_TRACE_FORMAT_H_
#define BENCH_TRACE_FORMAT_H_

#include <cstddef>
#include <cstdint>

namespace hz3::bench {

inline constexpr char kTraceMagic[4] = {'H', 'Z', '3', 'T'};
inline constexpr uint8_t kTraceVersion = 1;

enum class TraceOp : uint8_t { kMalloc, kCalloc, kAligned, kRealloc, kFree, kThread, kEnd };
inline constexpr unsigned kTraceOpBits = 3;

// Encodes a trace into memory of the caller's. Uses no heap; not thread-safe. Ids are those that
// Allocated and Reallocated return. Events that do not fit any more are left out, from the first
// one on; the end always fits.
class TraceWriter {
 public:
  // `size` must be at least kMinBytes.
  static constexpr size_t kMinBytes = 64;
  TraceWriter(uint8_t* buffer, size_t size);

  uint64_t Allocated(uint32_t thread, TraceOp op, uint64_t size, unsigned align_log2 = 0);
  uint64_t Reallocated(uint32_t thread, uint64_t id, uint64_t size);
  void Freed(uint32_t thread, uint64_t id);

  bool full() const { return full_; }
  uint64_t events() const { return events_; }

  // Returns the size of the whole file; nothing may be added after it.
  size_t Finish();

 private:
  // The longest event: its varint, another one, and a change of thread before it.
  static constexpr size_t kMostBytesOfEvent = 30;
  static constexpr size_t kBytesOfEnd = 10;

  bool Begin(uint32_t thread);
  void Event(TraceOp op, uint64_t value);
  void Varint(uint64_t value);

  uint8_t* const buffer_;
  const size_t size_;
  size_t used_ = 0;
  uint64_t events_ = 0;
  uint64_t next_id_ = 0;
  uint32_t thread_ = 0;
  bool full_ = false;
};

}  // namespace hz3::bench

#endif  // BENCH_TRACE_FORMAT_H_
