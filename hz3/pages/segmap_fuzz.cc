// Segmap: any word at all as a pointer, against division.

#include <memory>
#include <vector>

#include "hz3/pages/segmap.h"
#include "testing/fuzz/fuzz_input.h"

namespace hz3 {
namespace {

using fuzz::FuzzInput;
using fuzz::Require;

constexpr size_t kPages = 2 * kPagesPerSegment;

void Look(const Segmap& map, const std::vector<uint8_t>& tags, uintptr_t base, uintptr_t word) {
  const void* p = reinterpret_cast<const void*>(word);
  const bool inside = word >= base && word < base + kPages * kPageSize;
  Require(map.Contains(p) == inside, "Contains");
  Require(map.Lookup(p) == (inside ? tags[(word - base) / kPageSize] : 0), "Lookup");
  if (!inside) return;
  const PageIndex page = map.PageOf(p);
  Require(page.value() == (word - base) / kPageSize, "PageOf");
  Require(reinterpret_cast<uintptr_t>(map.AddressOf(page)) == word - word % kPageSize, "AddressOf");
  Require(SlotOf(page).value() == (word - base) / kSegmentSize, "SlotOf");
  Require(FirstPageOf(SlotOf(page)).value() + PageInSegment(page) == page.value(), "PageInSegment");
}

}  // namespace
}  // namespace hz3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hz3;
  FuzzInput input(data, size);
  // Anywhere in user space where an arena may lie, at its ends too.
  const uintptr_t base = (1 + input.Number(4) % ((uintptr_t{1} << 26) - 4)) * kSegmentSize;
  std::vector<uint8_t> tags(kPages);
  std::vector<uint8_t> bytes(Segmap::BytesFor(kPages));
  Segmap map;
  map.Init(reinterpret_cast<void*>(base), kPages, bytes.data());
  while (!input.empty()) {
    const unsigned first = input.Below(kPages);
    const unsigned n = input.Below(64) % (static_cast<unsigned>(kPages) - first) + 1;
    const Tag tag = input.Byte();
    map.SetRange(PageIndex(first), n, tag);
    for (unsigned i = first; i < first + n; ++i) tags[i] = tag;
    Look(map, tags, base, base + input.Number(3));
    Look(map, tags, base, base - 1 - input.Number(2));
    Look(map, tags, base, input.Number());
  }
  return 0;
}
