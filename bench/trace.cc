#include "bench/trace.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace hz3::bench {
namespace {

// Larger files are refused: a table of their blocks would not fit the machine.
constexpr size_t kMaxFileBytes = size_t{1} << 28;
constexpr uint32_t kNoPlace = UINT32_MAX;

}  // namespace

// One pass over the bytes. Each event takes at least one byte, so the tables are made for as many
// events as there are bytes and only what is used of them becomes resident.
class TraceParser {
 public:
  explicit TraceParser(std::string_view bytes)
      : bytes_(bytes),
        trace_(new Trace(bytes.size())),
        block_places_(bytes.size()),
        sizes_(bytes.size()),
        free_places_(bytes.size()) {}

  std::unique_ptr<Trace> Run(std::string* error) {
    if (!Header()) return Fail(error);
    while (!ended_) {
      if (!Event()) return Fail(error);
    }
    if (position_ != bytes_.size()) {
      Reject("bytes after the end");
      return Fail(error);
    }
    trace_->threads_ = trace_->count_ == 0 ? 0 : static_cast<uint32_t>(highest_thread_ + 1);
    return std::move(trace_);
  }

 private:
  std::unique_ptr<Trace> Fail(std::string* error) const {
    *error = std::string(reason_) + " at byte " + std::to_string(position_);
    return nullptr;
  }

  bool Reject(const char* reason) {
    reason_ = reason;
    return false;
  }

  bool Header() {
    if (bytes_.size() < sizeof(kTraceMagic) + 1 ||
        std::memcmp(bytes_.data(), kTraceMagic, sizeof(kTraceMagic)) != 0) {
      return Reject("no trace: wrong first bytes");
    }
    position_ = sizeof(kTraceMagic);
    if (static_cast<uint8_t>(bytes_[position_]) != kTraceVersion) return Reject("unknown version");
    ++position_;
    return true;
  }

  bool Varint(uint64_t* value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (position_ == bytes_.size()) return Reject("the file ends too early");
      const auto byte = static_cast<uint8_t>(bytes_[position_++]);
      if (shift == 63 && byte > 1) break;
      *value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return true;
    }
    return Reject("a number is too long");
  }

  bool Event() {
    uint64_t word = 0;
    if (!Varint(&word)) return false;
    const uint64_t value = word >> kTraceOpBits;
    const auto op = static_cast<TraceOp>(word & ((1u << kTraceOpBits) - 1));
    if (op == TraceOp::kEnd) return End(value);
    ++seen_;
    if (op == TraceOp::kThread) return Thread(value);
    if (op == TraceOp::kFree) return Free(value);
    if (op > TraceOp::kEnd) return Reject("unknown event");
    if (value > Trace::kMaxSize) return Reject("a size is too large");
    if (op == TraceOp::kRealloc) return Realloc(value);
    return Allocate(op, value);
  }

  bool End(uint64_t events) {
    if (events != seen_) return Reject("the number of events is wrong");
    ended_ = true;
    return true;
  }

  bool Thread(uint64_t number) {
    if (number > Trace::kMaxThread) return Reject("a thread's number is too large");
    thread_ = static_cast<uint16_t>(number);
    return true;
  }

  bool Allocate(TraceOp op, uint64_t size) {
    uint64_t align_log2 = 0;
    if (op == TraceOp::kAligned && !Varint(&align_log2)) return false;
    if (align_log2 > Trace::kMaxAlignLog2) return Reject("an alignment is too wide");
    const uint32_t place = free_count_ > 0 ? free_places_[--free_count_] : trace_->places_++;
    NewBlock(place, size);
    Add(op, place, size, static_cast<uint8_t>(align_log2));
    return true;
  }

  bool Realloc(uint64_t size) {
    uint64_t age = 0;
    if (!Varint(&age)) return false;
    const uint32_t place = TakeBlock(age);
    if (place == kNoPlace) return false;
    NewBlock(place, size);
    Add(TraceOp::kRealloc, place, size, 0);
    return true;
  }

  bool Free(uint64_t age) {
    const uint32_t place = TakeBlock(age);
    if (place == kNoPlace) return false;
    free_places_[free_count_++] = place;
    Add(TraceOp::kFree, place, 0, 0);
    return true;
  }

  void NewBlock(uint32_t place, uint64_t size) {
    block_places_[blocks_++] = place + 1;  // 0: not live
    sizes_[place] = size;
    live_bytes_ += size;
  }

  uint32_t TakeBlock(uint64_t age) {
    if (age == 0 || age > blocks_ || block_places_[blocks_ - age] == 0) {
      Reject("a block that is not live is freed");
      return kNoPlace;
    }
    const uint32_t place = block_places_[blocks_ - age] - 1;
    block_places_[blocks_ - age] = 0;
    live_bytes_ -= sizes_[place];
    return place;
  }

  void Add(TraceOp op, uint32_t place, uint64_t size, uint8_t align_log2) {
    trace_->events_[trace_->count_++] = {size, place, thread_, op, align_log2};
    highest_thread_ = std::max<uint64_t>(highest_thread_, thread_);
    if (live_bytes_ <= trace_->peak_bytes_) return;
    trace_->peak_bytes_ = live_bytes_;
    trace_->peak_events_ = trace_->count_;
  }

  const std::string_view bytes_;
  size_t position_ = 0;
  std::unique_ptr<Trace> trace_;
  MappedArray<uint32_t> block_places_;  // by the block's number
  MappedArray<uint64_t> sizes_;         // by place
  MappedArray<uint32_t> free_places_;
  size_t blocks_ = 0;
  size_t free_count_ = 0;
  uint64_t live_bytes_ = 0;
  uint64_t seen_ = 0;
  uint64_t highest_thread_ = 0;
  uint16_t thread_ = 0;
  bool ended_ = false;
  const char* reason_ = "";
};

std::unique_ptr<Trace> Trace::Parse(std::string_view bytes, std::string* error) {
  if (bytes.size() > kMaxFileBytes) {
    *error = "too large for a trace";
    return nullptr;
  }
  return TraceParser(bytes).Run(error);
}

std::unique_ptr<Trace> Trace::Load(const std::string& path, std::string* error) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  if (fd < 0 || fstat(fd, &status) != 0) {
    *error = std::strerror(errno);
    if (fd >= 0) close(fd);
    return nullptr;
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* bytes = size == 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (bytes == MAP_FAILED) {
    *error = "no regular file with contents";
    return nullptr;
  }
  std::unique_ptr<Trace> trace = Parse({static_cast<const char*>(bytes), size}, error);
  munmap(bytes, size);
  return trace;
}

}  // namespace hz3::bench
