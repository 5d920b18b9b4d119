#include "hz3/objects/span.h"

#include "hz3/base/random.h"
#include "hz3/config/config.h"

namespace hz3 {

void Span::Open(SizeClass c, PageIndex first) {
  size_class_ = c;
  first_page_ = first;
  bucket = 0;
  next = previous = kNoIndex;
  const unsigned objects = InfoOf(c).objects;
  free_count_ = static_cast<uint16_t>(objects);
  for (unsigned w = 0; w < kWords; ++w) {
    const unsigned before = w * 64;
    if (objects >= before + 64) {
      free_[w] = ~uint64_t{0};
    } else {
      free_[w] = objects > before ? (uint64_t{1} << (objects - before)) - 1 : 0;
    }
  }
}

unsigned Span::Take(char* base, void** out, unsigned want) {
  if constexpr (kConfig.hardened) return TakeAtRandom(base, out, want);
  const uint32_t size = info().size;
  unsigned taken = 0;
  for (unsigned w = 0; w < kWords && taken < want; ++w) {
    uint64_t bits = free_[w];
    char* first = base + size_t{w} * 64 * size;
    while (bits != 0 && taken < want) {
      out[taken++] = first + size_t{static_cast<unsigned>(std::countr_zero(bits))} * size;
      bits &= bits - 1;
    }
    free_[w] = bits;
  }
  free_count_ = static_cast<uint16_t>(free_count_ - taken);
  return taken;
}

// From a random object on, round to the one before it.
unsigned Span::TakeAtRandom(char* base, void** out, unsigned want) {
  const uint32_t size = info().size;
  const unsigned objects = info().objects;
  unsigned object = RandomBelow(objects);
  unsigned taken = 0;
  for (unsigned step = 0; step < objects && taken < want; ++step) {
    uint64_t& word = free_[object / 64];
    const uint64_t bit = uint64_t{1} << (object % 64);
    if ((word & bit) != 0) {
      out[taken++] = base + size_t{object} * size;
      word &= ~bit;
    }
    object = object + 1 == objects ? 0 : object + 1;
  }
  free_count_ = static_cast<uint16_t>(free_count_ - taken);
  return taken;
}

bool Span::Collect(SpanMail& mail, unsigned* bad) {
  for (unsigned w = 0; w < kWords; ++w) {
    const uint64_t freed = mail.Take(w);
    const uint64_t twice = freed & free_[w];
    if (twice != 0) {
      *bad = w * 64 + static_cast<unsigned>(std::countr_zero(twice));
      return false;
    }
    free_[w] |= freed;
    free_count_ = static_cast<uint16_t>(free_count_ + std::popcount(freed));
  }
  return true;
}

unsigned SpanMail::Count() const {
  unsigned count = 0;
  for (const auto& word : mail_) {
    count += static_cast<unsigned>(std::popcount(word.load(std::memory_order_relaxed)));
  }
  return count;
}

}  // namespace hz3
