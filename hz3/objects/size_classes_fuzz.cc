// Any size, alignment and offset: the tables against searches through all classes.

#include "hz3/objects/size_classes.h"
#include "testing/fuzz/fuzz_input.h"

namespace hz3 {
namespace {

using fuzz::FuzzInput;
using fuzz::Require;

// The least class up to `last` of at least `bytes` whose size is a multiple of `align`; 0 for none.
unsigned Least(size_t bytes, size_t align, unsigned first, unsigned last) {
  unsigned best = 0;
  for (unsigned c = first; c <= last; ++c) {
    const size_t size = kClassTable[c].size;
    if (size < bytes || size % align != 0) continue;
    if (best == 0 || size < kClassTable[best].size) best = c;
  }
  return best;
}

void CheckSize(size_t bytes, size_t align) {
  if (bytes <= kMaxBinnedSize) {
    const SizeClass c = ClassOf(bytes);
    Require(c.value() == Least(bytes, 1, 1, kFirstWideClass - 1), "ClassOf");
    const unsigned bin = bytes == 0 && kConfig.guard_zero_size ? kTagLarge : c.value();
    Require(kBinOfGranules[(bytes + 15) >> kGranuleShift] == bin * sizeof(void*), "the bin");
    Require(!IsWide(c.value()), "a binned size has no wide class");
  }
  if (bytes > 0 && bytes <= kMaxWideSize) {
    const SizeClass wide = WideClassOf(PagesFor(bytes));
    Require(wide.value() == Least(bytes, 1, kFirstWideClass, kClasses - 1), "WideClassOf");
  }
  const unsigned aligned = AlignedClassOf(bytes, align).value();
  if (aligned == 0) return;
  Require(kClassTable[aligned].size >= bytes, "an aligned class holds the bytes");
  Require(kClassTable[aligned].size % align == 0, "an aligned class is aligned");
}

void CheckRounding(size_t bytes) {
  Require(PagesFor(bytes) == bytes / kPageSize + (bytes % kPageSize != 0), "PagesFor");
  Require(SlotsFor(bytes) == bytes / kSegmentSize + (bytes % kSegmentSize != 0), "SlotsFor");
}

void CheckObject(unsigned c, uint32_t offset) {
  const ClassInfo& info = kClassTable[c];
  offset %= info.pages * static_cast<uint32_t>(kPageSize);
  Require(ObjectAt(info, offset) == offset / info.size, "ObjectAt");
  Require(info.objects * info.size <= info.pages * kPageSize, "the objects fit into the span");
}

}  // namespace
}  // namespace hz3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hz3::fuzz::FuzzInput input(data, size);
  while (!input.empty()) {
    const size_t align = size_t{1} << input.Below(hz3::kPageShift + 1);
    hz3::CheckSize(input.Number(3) % (hz3::kMaxWideSize + 1), align);
    hz3::CheckRounding(input.Number());
    hz3::CheckObject(1 + input.Below(hz3::kSmallClasses), static_cast<uint32_t>(input.Number(2)));
  }
  return 0;
}
