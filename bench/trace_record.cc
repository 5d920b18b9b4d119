// Records the allocations of a program into a trace file:
//
//   HZ3_TRACE_FILE=program.trace LD_PRELOAD=libtrace_record.so program ...
//
// HZ3_TRACE_MAX_EVENTS ends the trace after so many events. The file must not exist: the first
// process that creates it is recorded, its children are not. It is written when the program exits
// normally. The blocks come from the C library, by the names it exports for this purpose; the order
// of the events is that in which threads took one lock.
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "bench/trace_format.h"

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* pointer, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* pointer);
}

namespace hz3::bench {
namespace {

constexpr size_t kMaxTraceBytes = size_t{1} << 28;
constexpr size_t kTableEntries = size_t{1} << 24;  // a power of two; more live blocks end the trace
constexpr size_t kMaxLive = kTableEntries / 2;

template <typename T>
T* Map(size_t count) {
  void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);
}

// Which number the trace has given to the block at an address: open addressing, deletion by moving
// the entries that follow.
class BlockIds {
 public:
  bool Start() { return (entries_ = Map<Entry>(kTableEntries)) != nullptr; }
  bool full() const { return live_ >= kMaxLive; }

  void Put(const void* pointer, uint64_t id) {
    entries_[Find(Key(pointer))] = {Key(pointer), id};
    ++live_;
  }

  // False when the block is none of the trace's.
  bool Take(const void* pointer, uint64_t* id) {
    const size_t index = Find(Key(pointer));
    if (entries_[index].key == 0) return false;
    *id = entries_[index].id;
    Remove(index);
    --live_;
    return true;
  }

 private:
  struct Entry {
    uint64_t key;  // 0: empty
    uint64_t id;
  };

  static uint64_t Key(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
  static size_t Home(uint64_t key) {
    return static_cast<size_t>(key * 0x9e3779b97f4a7c15u >> 40) & (kTableEntries - 1);
  }
  static size_t Next(size_t index) { return (index + 1) & (kTableEntries - 1); }

  // Where the key is, or the empty entry where it would go.
  size_t Find(uint64_t key) const {
    size_t index = Home(key);
    while (entries_[index].key != 0 && entries_[index].key != key) index = Next(index);
    return index;
  }

  void Remove(size_t hole) {
    for (size_t i = Next(hole); entries_[i].key != 0; i = Next(i)) {
      const size_t distance = (i - Home(entries_[i].key)) & (kTableEntries - 1);
      if (distance < ((i - hole) & (kTableEntries - 1))) continue;
      entries_[hole] = entries_[i];
      hole = i;
    }
    entries_[hole] = {0, 0};
  }

  Entry* entries_ = nullptr;
  size_t live_ = 0;
};

class Recorder {
 public:
  // Before main, without the lock: pthread_atfork allocates. What came before is not recorded.
  void Start() {
    const char* path = std::getenv("HZ3_TRACE_FILE");
    if (path == nullptr) return;
    fd_ = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    buffer_ = Map<uint8_t>(kMaxTraceBytes);
    if (fd_ < 0 || buffer_ == nullptr || !ids_.Start()) return;
    if (const char* most = std::getenv("HZ3_TRACE_MAX_EVENTS")) {
      max_events_ = std::strtoull(most, nullptr, 10);
    }
    pthread_atfork(nullptr, nullptr, [] { StopInChild(); });
    writer_ = new (writer_memory_) TraceWriter(buffer_, kMaxTraceBytes);
  }

  void Finish() {
    Lock lock(this);
    if (writer_ == nullptr) return;
    const size_t size = writer_->Finish();
    writer_ = nullptr;
    for (size_t done = 0; done < size;) {
      const ssize_t wrote = write(fd_, buffer_ + done, size - done);
      if (wrote <= 0) break;
      done += static_cast<size_t>(wrote);
    }
    close(fd_);
  }

  void Allocated(TraceOp op, void* pointer, size_t size, size_t alignment = 1) {
    if (pointer == nullptr) return;
    Lock lock(this);
    if (!Records()) return;
    const auto log2 = static_cast<unsigned>(std::countr_zero(alignment));
    ids_.Put(pointer, writer_->Allocated(Thread(), op, size, log2));
  }

  void Freed(void* pointer) {
    Lock lock(this);
    uint64_t id = 0;
    if (Records() && ids_.Take(pointer, &id)) writer_->Freed(Thread(), id);
  }

  // Under the lock as a whole: in between, another thread may get the old address.
  void* Realloc(void* old, size_t size) {
    Lock lock(this);
    void* pointer = __libc_realloc(old, size);
    uint64_t id = 0;
    if (pointer == nullptr || !Records() || !ids_.Take(old, &id)) return pointer;
    ids_.Put(pointer, writer_->Reallocated(Thread(), id, size));
    return pointer;
  }

 private:
  class Lock {
   public:
    explicit Lock(Recorder* recorder) : mutex_(&recorder->mutex_) { pthread_mutex_lock(mutex_); }
    ~Lock() { pthread_mutex_unlock(mutex_); }

   private:
    pthread_mutex_t* mutex_;
  };

  static void StopInChild();

  bool Records() const {
    return writer_ != nullptr && !writer_->full() && !ids_.full() &&
           writer_->events() < max_events_;
  }

  uint32_t Thread() {
    static thread_local uint32_t number_plus_1 = 0;
    if (number_plus_1 == 0) number_plus_1 = ++threads_;
    return number_plus_1 - 1;
  }

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  int fd_ = -1;
  uint8_t* buffer_ = nullptr;
  uint64_t max_events_ = UINT64_MAX;
  uint32_t threads_ = 0;
  BlockIds ids_;
  TraceWriter* writer_ = nullptr;
  alignas(TraceWriter) unsigned char writer_memory_[sizeof(TraceWriter)] = {};
};

constinit Recorder recorder;

// The child goes on without a trace. Its copy of the lock may be held by a thread that is gone.
void Recorder::StopInChild() {
  recorder.mutex_ = PTHREAD_MUTEX_INITIALIZER;
  recorder.writer_ = nullptr;
}

__attribute__((constructor)) void StartBeforeMain() { recorder.Start(); }
__attribute__((destructor)) void FinishAtExit() { recorder.Finish(); }

void* Aligned(size_t alignment, size_t size) {
  void* pointer = __libc_memalign(alignment, size);
  recorder.Allocated(TraceOp::kAligned, pointer, size, alignment);
  return pointer;
}

}  // namespace
}  // namespace hz3::bench

using hz3::bench::recorder;
using hz3::bench::TraceOp;

#define HZ3_EXPORT extern "C" __attribute__((visibility("default")))

HZ3_EXPORT void* malloc(size_t size) {
  void* pointer = __libc_malloc(size);
  recorder.Allocated(TraceOp::kMalloc, pointer, size);
  return pointer;
}

HZ3_EXPORT void* calloc(size_t count, size_t size) {
  void* pointer = __libc_calloc(count, size);
  recorder.Allocated(TraceOp::kCalloc, pointer, count * size);
  return pointer;
}

HZ3_EXPORT void free(void* pointer) {
  if (pointer == nullptr) return;
  recorder.Freed(pointer);
  __libc_free(pointer);
}

HZ3_EXPORT void* realloc(void* old, size_t size) {
  if (old == nullptr) return malloc(size);
  if (size == 0) {
    free(old);
    return nullptr;
  }
  return recorder.Realloc(old, size);
}

HZ3_EXPORT void* memalign(size_t alignment, size_t size) {
  return hz3::bench::Aligned(alignment, size);
}

HZ3_EXPORT void* aligned_alloc(size_t alignment, size_t size) {
  return hz3::bench::Aligned(alignment, size);
}

HZ3_EXPORT int posix_memalign(void** result, size_t alignment, size_t size) {
  if (!std::has_single_bit(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  void* pointer = hz3::bench::Aligned(alignment, size);
  if (pointer == nullptr) return ENOMEM;
  *result = pointer;
  return 0;
}
