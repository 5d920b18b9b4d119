// An array in memory of its own from mmap, so that what a bench needs for itself neither comes from
// the allocator under test nor becomes resident before it is used.
#ifndef BENCH_LIB_MAPPED_ARRAY_H_
#define BENCH_LIB_MAPPED_ARRAY_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

namespace hz3::bench {

// T must be usable when all its bytes are zero, and is never destroyed.
template <typename T>
class MappedArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  MappedArray() = default;

  // Ends the process with one line on stderr when the address space is refused.
  explicit MappedArray(size_t size) : size_(size) {
    if (size == 0) return;
    void* memory = mmap(nullptr, Bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      std::fprintf(stderr, "cannot map %zu bytes for the bench itself\n", Bytes());
      std::exit(2);
    }
    // Huge pages would make the bench's own resident size jump.
    (void)madvise(memory, Bytes(), MADV_NOHUGEPAGE);
    data_ = static_cast<T*>(memory);
  }

  ~MappedArray() {
    if (data_ != nullptr) munmap(data_, Bytes());
  }

  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;

  T& operator[](size_t index) { return data_[index]; }
  const T& operator[](size_t index) const { return data_[index]; }
  T* data() { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  size_t size() const { return size_; }
  size_t Bytes() const { return size_ * sizeof(T); }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hz3::bench

#endif  // BENCH_LIB_MAPPED_ARRAY_H_
