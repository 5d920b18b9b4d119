// std::pmr::memory_resource over hz3, for C++17 and later; only this header, over the functions of
// malloc_extension.h and operator new.
//
//   std::pmr::vector<int> numbers(hz3::ProcessResource());  // the process's heap
//   hz3::HeapResource request;                              // a heap of its own
//   std::pmr::string text(&request);
//
// Both may be used by any number of threads at a time. allocate throws std::bad_alloc when there is
// no memory.
#ifndef HZ3_MEMORY_RESOURCE_H_
#define HZ3_MEMORY_RESOURCE_H_

#include <cstddef>
#include <memory_resource>
#include <new>

#include "hz3/malloc_extension.h"

namespace hz3 {

// The process's heap. Unlike std::pmr::new_delete_resource of libstdc++ it takes the aligned forms
// of new and delete only for blocks that need them, so that all others are served by hz3's fast
// path; delete is told the size.
class ProcessMemoryResource : public std::pmr::memory_resource {
 protected:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) return ::operator new(bytes);
    return ::operator new(bytes, std::align_val_t(alignment));
  }
  void do_deallocate(void* p, std::size_t bytes, std::size_t alignment) override {
    const bool aligned = alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__;
#if defined(__cpp_sized_deallocation)
    if (aligned) return ::operator delete(p, bytes, std::align_val_t(alignment));
    ::operator delete(p, bytes);
#else
    static_cast<void>(bytes);
    if (aligned) return ::operator delete(p, std::align_val_t(alignment));
    ::operator delete(p);
#endif
  }
  // All of them are one heap.
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return dynamic_cast<const ProcessMemoryResource*>(&other) != nullptr;
  }
};

// One for the process; it is never destroyed.
inline std::pmr::memory_resource* ProcessResource() {
  alignas(ProcessMemoryResource) static unsigned char storage[sizeof(ProcessMemoryResource)];
  static auto* const resource = new (storage) ProcessMemoryResource();
  return resource;
}

// A first-class heap (hz3_heap_create): whatever still lives in it when it is destroyed or released
// is freed without a walk over the blocks, and without destructors.
class HeapResource : public std::pmr::memory_resource {
 public:
  HeapResource() : heap_(Create()) {}
  ~HeapResource() override { hz3_heap_destroy(heap_); }
  HeapResource(const HeapResource&) = delete;
  HeapResource& operator=(const HeapResource&) = delete;

  // Frees all blocks; nobody may use the resource meanwhile. When it throws std::bad_alloc, nothing
  // has been freed.
  void release() {
    hz3_heap* const fresh = Create();
    hz3_heap_destroy(heap_);
    heap_ = fresh;
  }
  // For the functions of malloc_extension.h; it belongs to the resource until release.
  hz3_heap* heap() const { return heap_; }

 protected:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    void* const p = hz3_heap_allocate_aligned(heap_, alignment, bytes);
    if (p == nullptr) throw std::bad_alloc();
    return p;
  }
  void do_deallocate(void* p, std::size_t, std::size_t) override { hz3_heap_free(heap_, p); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

 private:
  static hz3_heap* Create() {
    hz3_heap* const heap = hz3_heap_create();
    if (heap == nullptr) throw std::bad_alloc();
    return heap;
  }

  hz3_heap* heap_;
};

}  // namespace hz3

#endif  // HZ3_MEMORY_RESOURCE_H_
