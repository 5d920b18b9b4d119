// All forms of operator new and delete, called as functions so that the compiler cannot pair them
// away.

#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#include "gtest/gtest.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/block.h"
#include "testing/lib/process_memory.h"

// clang 14 declares these only under -fsized-deallocation.
void operator delete(void* block, std::size_t size) noexcept;
void operator delete[](void* block, std::size_t size) noexcept;
void operator delete(void* block, std::size_t size, std::align_val_t alignment) noexcept;
void operator delete[](void* block, std::size_t size, std::align_val_t alignment) noexcept;

namespace hz3::testlib {
namespace {

constexpr std::size_t kTooLarge = std::size_t{PTRDIFF_MAX} + 1;
// libstdc++ 12 rounds such a size up to 0 in its own aligned forms; hz3 must not.
bool AlignedFormsRefuse(std::size_t size) { return OnHz3() || size != SIZE_MAX; }

constexpr std::size_t kSizes[] = {0, 1, 8, 16, 100, 1000, 4096, 30000, 70000, 3 * kMiB};
constexpr std::size_t kAlignments[] = {16, 32, 64, 256, 4096, 65536, 2 * kMiB};

bool IsAligned(const void* block, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(block) % alignment == 0;
}

void ExpectUsable(void* block, std::size_t size, std::size_t alignment) {
  ASSERT_NE(block, nullptr) << size;
  EXPECT_TRUE(IsAligned(block, alignment)) << block << " for " << alignment;
  FillPattern(block, size, size + alignment);
  EXPECT_TRUE(HasPattern(block, size, size + alignment));
}

std::size_t DefaultAlignment(std::size_t size) { return size >= 16 ? 16 : 8; }

TEST(OperatorNew, ServesEverySizeAndEveryFormOfDeleteTakesItBack) {
  for (const std::size_t size : kSizes) {
    for (int form = 0; form < 3; ++form) {
      void* block = ::operator new(Opaque(size));
      ExpectUsable(block, size, DefaultAlignment(size));
      if (form == 0) ::operator delete(block);
      if (form == 1) ::operator delete(block, size);
      if (form == 2) ::operator delete(block, std::nothrow);
    }
  }
}

TEST(OperatorNewArray, ServesEverySizeAndEveryFormOfDeleteTakesItBack) {
  for (const std::size_t size : kSizes) {
    for (int form = 0; form < 3; ++form) {
      void* block = ::operator new[](Opaque(size));
      ExpectUsable(block, size, DefaultAlignment(size));
      if (form == 0) ::operator delete[](block);
      if (form == 1) ::operator delete[](block, size);
      if (form == 2) ::operator delete[](block, std::nothrow);
    }
  }
}

TEST(OperatorNew, NothrowServesToo) {
  for (const std::size_t size : kSizes) {
    void* block = ::operator new(Opaque(size), std::nothrow);
    ExpectUsable(block, size, DefaultAlignment(size));
    ::operator delete(block);
    void* array = ::operator new[](Opaque(size), std::nothrow);
    ExpectUsable(array, size, DefaultAlignment(size));
    ::operator delete[](array);
  }
}

TEST(AlignedOperatorNew, HonoursTheAlignmentInEveryForm) {
  for (const std::size_t size : kSizes) {
    for (const std::size_t number : kAlignments) {
      const std::align_val_t alignment{number};
      for (int form = 0; form < 3; ++form) {
        void* block = ::operator new(Opaque(size), alignment);
        ExpectUsable(block, size, number);
        if (form == 0) ::operator delete(block, alignment);
        if (form == 1) ::operator delete(block, size, alignment);
        if (form == 2) ::operator delete(block, alignment, std::nothrow);
      }
    }
  }
}

TEST(AlignedOperatorNewArray, HonoursTheAlignmentInEveryForm) {
  for (const std::size_t size : kSizes) {
    for (const std::size_t number : kAlignments) {
      const std::align_val_t alignment{number};
      for (int form = 0; form < 3; ++form) {
        void* block = form == 1 ? ::operator new[](Opaque(size), alignment, std::nothrow)
                                : ::operator new[](Opaque(size), alignment);
        ExpectUsable(block, size, number);
        if (form == 0) ::operator delete[](block, alignment);
        if (form == 1) ::operator delete[](block, size, alignment);
        if (form == 2) ::operator delete[](block, alignment, std::nothrow);
      }
    }
  }
}

void* Null() { return Opaque<void*>(nullptr); }

TEST(OperatorDelete, IgnoresNullInEveryForm) {
  const std::align_val_t alignment{64};
  ::operator delete(Null());
  ::operator delete[](Null());
  ::operator delete (Null(), std::size_t{16});
  ::operator delete[](Null(), std::size_t{16});
  ::operator delete(Null(), std::nothrow);
  ::operator delete[](Null(), std::nothrow);
  ::operator delete(Null(), alignment);
  ::operator delete[](Null(), alignment);
  ::operator delete (Null(), std::size_t{64}, alignment);
  ::operator delete[](Null(), std::size_t{64}, alignment);
  ::operator delete(Null(), alignment, std::nothrow);
  ::operator delete[](Null(), alignment, std::nothrow);
}

TEST(OperatorNew, GivesDistinctBlocksForSizeZero) {
  void* first = ::operator new(Opaque(std::size_t{0}));
  void* second = ::operator new(Opaque(std::size_t{0}));
  EXPECT_NE(first, second);
  ::operator delete(first);
  ::operator delete(second);
}

TEST(OperatorNew, ThrowsBadAllocWhenThereIsNoMemory) {
  for (const std::size_t size : {kTooLarge, SIZE_MAX - 4096, SIZE_MAX}) {
    EXPECT_THROW(Opaque(::operator new(Opaque(size))), std::bad_alloc);
    EXPECT_THROW(Opaque(::operator new[](Opaque(size))), std::bad_alloc);
  }
}

TEST(OperatorNew, ReturnsNullInsteadWhenAskedNotToThrow) {
  for (const std::size_t size : {kTooLarge, SIZE_MAX - 4096, SIZE_MAX}) {
    EXPECT_EQ(::operator new(Opaque(size), std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](Opaque(size), std::nothrow), nullptr);
  }
}

TEST(AlignedOperatorNew, ThrowsOrReturnsNullWhenThereIsNoMemory) {
  const std::align_val_t alignment{64};
  for (const std::size_t size : {kTooLarge, SIZE_MAX - 4096, SIZE_MAX}) {
    if (!AlignedFormsRefuse(size)) continue;
    EXPECT_THROW(Opaque(::operator new(Opaque(size), alignment)), std::bad_alloc);
    EXPECT_THROW(Opaque(::operator new[](Opaque(size), alignment)), std::bad_alloc);
    EXPECT_EQ(::operator new(Opaque(size), alignment, std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](Opaque(size), alignment, std::nothrow), nullptr);
  }
}

// ---- the new_handler

class NewHandler : public ::testing::Test {
 protected:
  void SetUp() override { calls = 0; }
  void TearDown() override { std::set_new_handler(nullptr); }

  static void GiveUpAtTheThirdCall() {
    if (++calls == 3) std::set_new_handler(nullptr);
  }

  static void ThrowAtTheSecondCall() {
    if (++calls == 2) throw std::bad_alloc();
  }

  static int calls;
};

int NewHandler::calls = 0;

TEST_F(NewHandler, IsCalledAgainAndAgainUntilItIsGone) {
  std::set_new_handler(GiveUpAtTheThirdCall);
  EXPECT_THROW(Opaque(::operator new(Opaque(kTooLarge))), std::bad_alloc);
  EXPECT_EQ(calls, 3);
}

TEST_F(NewHandler, IsCalledByEveryForm) {
  const std::align_val_t alignment{64};
  for (int form = 0; form < 8; ++form) {
    calls = 0;
    std::set_new_handler(GiveUpAtTheThirdCall);
    const std::size_t size = Opaque(kTooLarge);
    try {
      if (form == 0) Opaque(::operator new(size));
      if (form == 1) Opaque(::operator new[](size));
      if (form == 2) Opaque(::operator new(size, alignment));
      if (form == 3) Opaque(::operator new[](size, alignment));
      if (form == 4) Opaque(::operator new(size, std::nothrow));
      if (form == 5) Opaque(::operator new[](size, std::nothrow));
      if (form == 6) Opaque(::operator new(size, alignment, std::nothrow));
      if (form == 7) Opaque(::operator new[](size, alignment, std::nothrow));
      EXPECT_GE(form, 4) << "must throw";
    } catch (const std::bad_alloc&) {
      EXPECT_LT(form, 4) << "must not throw";
    }
    EXPECT_EQ(calls, 3) << "form " << form;
  }
}

TEST_F(NewHandler, MayThrowBadAllocItself) {
  std::set_new_handler(ThrowAtTheSecondCall);
  EXPECT_THROW(Opaque(::operator new(Opaque(kTooLarge))), std::bad_alloc);
  EXPECT_EQ(calls, 2);
}

TEST_F(NewHandler, ThatThrowsMakesTheNothrowFormReturnNull) {
  std::set_new_handler(ThrowAtTheSecondCall);
  EXPECT_EQ(::operator new(Opaque(kTooLarge), std::nothrow), nullptr);
  EXPECT_EQ(calls, 2);
}

TEST_F(NewHandler, IsNotCalledByMalloc) {
  std::set_new_handler(GiveUpAtTheThirdCall);
  EXPECT_EQ(malloc(Opaque(kTooLarge)), nullptr);
  EXPECT_EQ(calls, 0);
}

struct alignas(128) OverAligned {
  char bytes[200];
};

TEST(NewExpression, HonoursTheTypesAlignment) {
  for (int i = 0; i < 50; ++i) {
    auto* one = Opaque(new OverAligned());
    auto* many = Opaque(new OverAligned[7]);
    EXPECT_TRUE(IsAligned(one, 128));
    EXPECT_TRUE(IsAligned(many, 128));
    delete one;
    delete[] many;
  }
}

}  // namespace
}  // namespace hz3::testlib
