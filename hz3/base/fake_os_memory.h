// FakeOsMemory: an OsMemory for tests. It keeps books (what is reserved, how often each call came)
// and refuses on demand; the memory itself is the kernel's with its real protections, so that a
// box which touches what it has not committed crashes its test.
//
// Thread-safe. Tests only.
#ifndef HZ3_BASE_FAKE_OS_MEMORY_H_
#define HZ3_BASE_FAKE_OS_MEMORY_H_

#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "hz3/base/os_memory.h"
#include "hz3/base/words.h"

namespace hz3 {

class FakeOsMemory final : public OsMemory {
 public:
  enum Call {
    kReserve,
    kMakeReadable,
    kCommit,
    kProtect,
    kPurge,
    kPopulate,
    kPopulateHuge,
    kMove,
    kResidentPages,
    kCalls
  };

  FakeOsMemory() = default;
  FakeOsMemory(const FakeOsMemory&) = delete;
  FakeOsMemory& operator=(const FakeOsMemory&) = delete;
  ~FakeOsMemory() {
    for (const auto& [start, bytes] : reserved_) SystemMemory().Release(start, bytes);
  }

  // From now on the n-th (from 0) of these calls is refused, once.
  void RefuseNth(Call call, size_t n) {
    std::lock_guard<std::mutex> hold(mutex_);
    refuse_at_[call] = calls_[call] + n;
  }
  // Every such call is refused until Allow.
  void Refuse(Call call) { SetRefused(call, true); }
  void Allow(Call call) { SetRefused(call, false); }
  // Reservations of more than this are refused.
  void set_largest_reservation(size_t bytes) { largest_reservation_ = bytes; }

  // What a page of 4 KiB and a huge page are said to cost.
  void set_page_ns(uint64_t ns) { page_ns_ = ns; }
  uint64_t page_ns() const { return page_ns_; }
  void set_huge_page_ns(uint64_t ns) { huge_page_ns_ = ns; }

  // Called at the beginning of each such call, by its thread: what others do meanwhile.
  void set_during(Call call, std::function<void()> during) { during_[call] = std::move(during); }
  // Called after each successful Purge, by the thread that purges: what others do meanwhile.
  void set_after_purge(std::function<void()> after_purge) { after_purge_ = std::move(after_purge); }

  // How many such calls there were, the refused ones too.
  size_t calls(Call call) const {
    std::lock_guard<std::mutex> hold(mutex_);
    return calls_[call];
  }
  // Pages that successful Purge calls have covered.
  size_t purged_pages() const {
    std::lock_guard<std::mutex> hold(mutex_);
    return purged_pages_;
  }
  size_t reservations() const {
    std::lock_guard<std::mutex> hold(mutex_);
    return reserved_.size();
  }
  size_t reserved_bytes() const {
    std::lock_guard<std::mutex> hold(mutex_);
    size_t bytes = 0;
    for (const auto& [start, n] : reserved_) bytes += n;
    return bytes;
  }

  void* Reserve(size_t bytes, size_t align) override {
    if (Refused(kReserve) || bytes > largest_reservation_) return nullptr;
    void* start = SystemMemory().Reserve(bytes, align);
    std::lock_guard<std::mutex> hold(mutex_);
    if (start != nullptr) reserved_[start] = bytes;
    return start;
  }
  bool MakeReadable(void* start, size_t bytes) override {
    return !Refused(kMakeReadable) && SystemMemory().MakeReadable(start, bytes);
  }
  bool Commit(void* start, size_t bytes) override {
    return !Refused(kCommit) && SystemMemory().Commit(start, bytes);
  }
  bool Protect(void* start, size_t bytes) override {
    return !Refused(kProtect) && SystemMemory().Protect(start, bytes);
  }
  bool Purge(void* start, size_t bytes) override {
    if (Refused(kPurge) || !SystemMemory().Purge(start, bytes)) return false;
    {
      std::lock_guard<std::mutex> hold(mutex_);
      purged_pages_ += bytes / kPageSize;
    }
    if (after_purge_) after_purge_();
    return true;
  }
  std::optional<uint64_t> Populate(void* start, size_t bytes) override {
    if (Refused(kPopulate) || !SystemMemory().Populate(start, bytes)) return std::nullopt;
    return bytes / kPageSize * page_ns_;
  }
  std::optional<uint64_t> PopulateHuge(void* start) override {
    if (Refused(kPopulateHuge) || !SystemMemory().PopulateHuge(start)) return std::nullopt;
    return huge_page_ns_;
  }
  bool Move(void* from, void* to, size_t bytes) override {
    return !Refused(kMove) && SystemMemory().Move(from, to, bytes);
  }
  std::optional<size_t> ResidentPages(void* start, size_t bytes) override {
    if (Refused(kResidentPages)) return std::nullopt;
    return SystemMemory().ResidentPages(start, bytes);
  }
  void Release(void* start, size_t bytes) override {
    SystemMemory().Release(start, bytes);
    std::lock_guard<std::mutex> hold(mutex_);
    const auto range = reserved_.find(start);
    // Released as it was reserved: anything else stays in the books and shows there.
    if (range != reserved_.end() && range->second == bytes) reserved_.erase(range);
  }

 private:
  static constexpr size_t kNever = std::numeric_limits<size_t>::max();

  void SetRefused(Call call, bool refused) {
    std::lock_guard<std::mutex> hold(mutex_);
    refused_[call] = refused;
  }
  bool Refused(Call call) {
    if (const std::function<void()> during = during_[call]) during();  // which may set another
    std::lock_guard<std::mutex> hold(mutex_);
    return calls_[call]++ == refuse_at_[call] || refused_[call];
  }

  std::function<void()> after_purge_;
  std::function<void()> during_[kCalls];
  mutable std::mutex mutex_;
  size_t calls_[kCalls] = {};
  size_t refuse_at_[kCalls] = {kNever, kNever, kNever, kNever, kNever,
                               kNever, kNever, kNever, kNever};
  bool refused_[kCalls] = {};
  size_t largest_reservation_ = kNever;
  uint64_t page_ns_ = 2000;
  uint64_t huge_page_ns_ = 0;
  size_t purged_pages_ = 0;
  std::map<void*, size_t> reserved_;
};

}  // namespace hz3

#endif  // HZ3_BASE_FAKE_OS_MEMORY_H_
