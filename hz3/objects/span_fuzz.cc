// Span against three sets: objects that are free, that wait in the mailbox, that are out.

#include <algorithm>
#include <memory>
#include <set>

#include "hz3/objects/span.h"
#include "testing/fuzz/fuzz_input.h"

namespace hz3 {
namespace {

using fuzz::FuzzInput;
using fuzz::Require;

class SpanFuzz {
 public:
  explicit SpanFuzz(FuzzInput& input)
      : input_(input), class_(static_cast<uint8_t>(1 + input.Below(kSmallClasses))) {
    span_->Open(class_, PageIndex(0));
    for (unsigned i = 0; i < info().objects; ++i) free_.insert(i);
  }

  void Run() {
    while (!input_.empty()) {
      Step();
      Check();
    }
  }

 private:
  const ClassInfo& info() const { return InfoOf(class_); }

  void Step() {
    switch (input_.Below(4)) {
      case 0:
        Take(input_.Below(kMaxObjects + 1));
        break;
      case 1:
        FreeRow(1 + input_.Below(8));
        break;
      case 2:
        Post(input_.Below(Span::kWords), input_.Number());
        break;
      default:
        Collect();
    }
  }

  void Take(unsigned want) {
    void* out[kMaxObjects];
    const unsigned got = span_->Take(base_, out, want);
    Require(got == std::min<size_t>(want, free_.size()), "Take takes what there is");
    for (unsigned i = 0; i < got; ++i) {
      const auto offset = static_cast<uint32_t>(static_cast<char*>(out[i]) - base_);
      Require(offset % info().size == 0, "Take gives objects");
      Require(free_.erase(offset / info().size) == 1, "Take gives free objects");
    }
  }

  void FreeRow(unsigned n) {
    void* row[8];
    unsigned freed = 0;
    FreeResult expected = FreeResult::kFreed;
    for (unsigned i = 0; i < n; ++i) {
      const uint32_t offset = Offset(static_cast<uint32_t>(input_.Number(2)));
      row[i] = base_ + offset;
      if (freed < i || expected != FreeResult::kFreed) continue;  // the row ended before
      if (offset >= info().pages * kPageSize) continue;
      const unsigned object = offset / info().size;
      const bool is_object = offset % info().size == 0 && object < info().objects;
      Require(span_->ObjectNumber(offset) == (is_object ? object : kMaxObjects), "ObjectNumber");
      if (!is_object) {
        expected = FreeResult::kNotAnObject;
      } else if (!free_.insert(object).second) {
        expected = FreeResult::kDoubleFree;
      } else {
        ++freed;
      }
    }
    FreeResult result;
    Require(span_->FreeRow(base_, row, n, &result) == freed, "FreeRow counts");
    Require(result == expected, "FreeRow tells why it ended");
  }

  uint32_t Offset(uint32_t number) const {
    uint32_t offset = number % (kMaxSpanPages * static_cast<uint32_t>(kPageSize));
    // Half of the offsets are objects.
    if (offset % 2 == 0) offset = offset / info().size * info().size;
    return offset;
  }

  // Posters check what they post, so only objects come.
  void Post(unsigned w, uint64_t bits) {
    for (unsigned b = 0; b < 64; ++b) {
      if (w * 64 + b >= info().objects) bits &= ~(uint64_t{1} << b);
    }
    const uint64_t before = mail_of_span_->Post(w, bits);
    for (unsigned b = 0; b < 64; ++b) {
      if (((bits >> b) & 1) == 0) continue;
      Require(((before >> b) & 1) == mail_.count(w * 64 + b), "Post tells what was there");
      mail_.insert(w * 64 + b);
    }
  }

  void Collect() {
    unsigned bad = kMaxObjects;
    bool clash = false;
    for (const unsigned object : mail_) clash |= free_.count(object) > 0;
    Require(span_->Collect(*mail_of_span_, &bad) == !clash, "Collect finds double frees");
    if (clash) {
      Require(free_.count(bad) > 0 && mail_.count(bad) > 0, "Collect names the object");
      done_ = true;  // the process ends here in real life
      return;
    }
    free_.insert(mail_.begin(), mail_.end());
    mail_.clear();
  }

  void Check() {
    if (done_) return Restart();
    Require(span_->free_count() == free_.size(), "free_count");
    Require(mail_of_span_->Count() == mail_.size(), "Count");
    Require(span_->AllFree() == (free_.size() == info().objects), "AllFree");
    for (unsigned i = 0; i < info().objects; ++i) {
      Require(span_->IsFree(i) == (free_.count(i) > 0), "IsFree");
    }
  }

  void Restart() {
    span_ = std::make_unique<Span>();
    mail_of_span_ = std::make_unique<SpanMail>();
    span_->Open(class_, PageIndex(0));
    mail_.clear();
    for (unsigned i = 0; i < info().objects; ++i) free_.insert(i);
    done_ = false;
  }

  FuzzInput& input_;
  const SizeClass class_;
  std::unique_ptr<Span> span_ = std::make_unique<Span>();
  std::unique_ptr<SpanMail> mail_of_span_ = std::make_unique<SpanMail>();
  std::unique_ptr<char[]> memory_{new char[kMaxSpanPages * kPageSize]};
  char* const base_ = memory_.get();
  std::set<unsigned> free_;
  std::set<unsigned> mail_;
  bool done_ = false;
};

}  // namespace
}  // namespace hz3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hz3::fuzz::FuzzInput input(data, size);
  hz3::SpanFuzz(input).Run();
  return 0;
}
