#include "bench/trace_format.h"

#include <cstring>

namespace hz3::bench {

TraceWriter::TraceWriter(uint8_t* buffer, size_t size) : buffer_(buffer), size_(size) {
  std::memcpy(buffer_, kTraceMagic, sizeof(kTraceMagic));
  buffer_[sizeof(kTraceMagic)] = kTraceVersion;
  used_ = sizeof(kTraceMagic) + 1;
}

uint64_t TraceWriter::Allocated(uint32_t thread, TraceOp op, uint64_t size, unsigned align_log2) {
  if (!Begin(thread)) return next_id_;
  Event(op, size);
  if (op == TraceOp::kAligned) Varint(align_log2);
  return next_id_++;
}

uint64_t TraceWriter::Reallocated(uint32_t thread, uint64_t id, uint64_t size) {
  if (!Begin(thread)) return id;
  Event(TraceOp::kRealloc, size);
  Varint(next_id_ - id);
  return next_id_++;
}

void TraceWriter::Freed(uint32_t thread, uint64_t id) {
  if (Begin(thread)) Event(TraceOp::kFree, next_id_ - id);
}

size_t TraceWriter::Finish() {
  full_ = true;
  Varint(events_ << kTraceOpBits | static_cast<unsigned>(TraceOp::kEnd));
  return used_;
}

// False when there is no room for one more event.
bool TraceWriter::Begin(uint32_t thread) {
  full_ = full_ || size_ - used_ < kMostBytesOfEvent + kBytesOfEnd;
  if (full_) return false;
  if (thread != thread_) Event(TraceOp::kThread, thread);
  thread_ = thread;
  return true;
}

void TraceWriter::Event(TraceOp op, uint64_t value) {
  Varint(value << kTraceOpBits | static_cast<unsigned>(op));
  ++events_;
}

void TraceWriter::Varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) buffer_[used_++] = static_cast<uint8_t>(value | 0x80);
  buffer_[used_++] = static_cast<uint8_t>(value);
}

}  // namespace hz3::bench
