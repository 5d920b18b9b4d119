// A program on the libc's malloc loads hz3 with dlopen (plugins do): both heaps work side by side.
// Arguments: the shared libraries to load.

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/block.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

class Library {
 public:
  Library(const std::string& path, int flags) : handle_(dlopen(path.c_str(), flags)) {
    EXPECT_NE(handle_, nullptr) << dlerror();
  }
  ~Library() {
    if (handle_ != nullptr) Close();
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  bool loaded() const { return handle_ != nullptr; }

  template <typename Function>
  Function* Symbol(const char* name) const {
    void* symbol = dlsym(handle_, name);
    EXPECT_NE(symbol, nullptr) << name;
    return reinterpret_cast<Function*>(symbol);
  }

  void Close() {
    EXPECT_EQ(dlclose(handle_), 0) << dlerror();
    handle_ = nullptr;
  }

 private:
  void* handle_;
};

struct Heap {
  explicit Heap(const Library& library)
      : allocate(library.Symbol<void*(size_t)>("malloc")),
        allocate_zeroed(library.Symbol<void*(size_t, size_t)>("calloc")),
        resize(library.Symbol<void*(void*, size_t)>("realloc")),
        release(library.Symbol<void(void*)>("free")),
        version(library.Symbol<const char*()>("hz3_version")) {}

  void* (*allocate)(size_t);
  void* (*allocate_zeroed)(size_t, size_t);
  void* (*resize)(void*, size_t);
  void (*release)(void*);
  const char* (*version)();
};

bool Exercise(const Heap& heap) {
  std::vector<void*> blocks;  // of the libc's heap
  bool good = true;
  for (size_t size = 16; size < 4 * kMiB; size += size / 2) {
    blocks.push_back(heap.allocate(size));
    FillPattern(blocks.back(), size, size);
  }
  size_t i = 0;
  for (size_t size = 16; size < 4 * kMiB; size += size / 2, ++i) {
    good &= HasPattern(blocks[i], size, size);
    blocks[i] = heap.resize(blocks[i], size * 2);
    good &= HasPattern(blocks[i], size, size);
    heap.release(blocks[i]);
    void* zeroed = heap.allocate_zeroed(size, 1);
    good &= IsZero(zeroed, size);
    heap.release(zeroed);
  }
  return good;
}

class Dlopen : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(TestArguments().empty()) << "name the libraries to load"; }
};

TEST_F(Dlopen, ItsHeapIsAnotherThanTheLibcsAndWorks) {
  for (const std::string& path : TestArguments()) {
    const Library library(path, RTLD_NOW | RTLD_LOCAL);
    ASSERT_TRUE(library.loaded());
    const Heap heap(library);
    EXPECT_NE(reinterpret_cast<void*>(heap.allocate), reinterpret_cast<void*>(&malloc));
    EXPECT_NE(std::string(heap.version()), "");
    EXPECT_TRUE(Exercise(heap));
  }
}

TEST_F(Dlopen, ThreadsThatRanBeforeAndThreadsThatStartLaterUseIt) {
  for (const std::string& path : TestArguments()) {
    std::atomic<const Heap*> published{nullptr};
    std::atomic<int> good{0};
    std::thread older([&] {
      while (published == nullptr) std::this_thread::yield();
      good += Exercise(*published);
    });
    const Library library(path, RTLD_NOW | RTLD_GLOBAL);
    ASSERT_TRUE(library.loaded());
    const Heap heap(library);
    published = &heap;
    std::vector<std::thread> younger;
    for (int i = 0; i < 8; ++i) younger.emplace_back([&] { good += Exercise(heap); });
    for (std::thread& thread : younger) thread.join();
    older.join();
    EXPECT_EQ(good, 9);
  }
}

TEST_F(Dlopen, ClosingItWhileBlocksAndThreadsLiveCrashesNothing) {
  for (const std::string& path : TestArguments()) {
    const RunResult result = RunInChild([&] {
      Library library(path, RTLD_NOW | RTLD_LOCAL);
      const Heap heap(library);
      std::atomic<int> stage{0};
      std::thread user([&] {
        Exercise(heap);
        stage = 1;
        while (stage != 2) std::this_thread::yield();
      });
      while (stage != 1) std::this_thread::yield();
      auto* kept = static_cast<char*>(heap.allocate(5000));
      FillPattern(kept, 5000, 1);
      library.Close();
      stage = 2;
      user.join();
      if (!HasPattern(kept, 5000, 1)) _Exit(3);
    });
    EXPECT_TRUE(result.ok()) << result;
  }
}

TEST_F(Dlopen, ItMayBeOpenedAndClosedAgainAndAgain) {
  for (const std::string& path : TestArguments()) {
    for (int i = 0; i < 20; ++i) {
      const Library library(path, RTLD_LAZY | RTLD_LOCAL);
      ASSERT_TRUE(library.loaded());
      EXPECT_TRUE(Exercise(Heap(library)));
    }
  }
}

TEST_F(Dlopen, ForkWorksWhileItIsLoaded) {
  for (const std::string& path : TestArguments()) {
    const Library library(path, RTLD_NOW | RTLD_LOCAL);
    const Heap heap(library);
    void* inherited = heap.allocate(1000);
    const RunResult result = RunInChild([&] {
      heap.release(inherited);
      if (!Exercise(heap)) _Exit(3);
    });
    EXPECT_TRUE(result.ok()) << result;
    heap.release(inherited);
  }
}

}  // namespace
}  // namespace hz3::testlib
