#include "hz3/objects/private_heap.h"

#include "hz3/base/report.h"

namespace hz3 {

PageIndex PrivateHeap::FirstPageOfRun(Arena& arena, const void* p) {
  const PageIndex page = arena.segmap().PageOf(p);
  return arena.page_record<Span>(page).first_page();
}

PrivateHeap* PrivateHeap::Of(Arena& arena, const void* p) {
  if (arena.segmap().Lookup(p) != kTagPrivate) return nullptr;
  return Get<PrivateHeap*>(arena.page_mail<SpanMail>(FirstPageOfRun(arena, p)), kOwner);
}

size_t PrivateHeap::UsableSize(Arena& arena, const void* p) {
  const PageIndex page = FirstPageOfRun(arena, p);
  const SizeClass c = arena.page_record<Span>(page).size_class();
  if (IsSmall(c.value())) return InfoOf(c).size;
  return Get<Run>(arena.page_mail<SpanMail>(page), kRun).pages * kPageSize;
}

void PrivateHeap::SetNext(uint32_t page, uint32_t next) {
  if (page == kNoIndex) {
    first_ = next;
    return;
  }
  SpanMail& mail = MailAt(PageIndex(page));
  Set(mail, kLinks, Links{next, Get<Links>(mail, kLinks).previous});
}

void PrivateHeap::SetPrevious(uint32_t page, uint32_t previous) {
  if (page == kNoIndex) return;
  SpanMail& mail = MailAt(PageIndex(page));
  Set(mail, kLinks, Links{Get<Links>(mail, kLinks).next, previous});
}

// A run of more than a segment has one record for all of its slots, that of its first page.
void PrivateHeap::Link(PageIndex page, size_t pages) {
  SpanMail& mail = MailAt(page);
  Set(mail, kOwner, this);
  Set(mail, kRun, Run{static_cast<uint32_t>(pages), arena_.segmap().Get(page)});
  Set(mail, kLinks, Links{first_, kNoIndex});
  SetPrevious(first_, page.value());
  first_ = page.value();
}

void* PrivateHeap::Unlink(PageIndex page) {
  Span& span = At(page);
  SpanMail& mail = MailAt(page);
  const Links links = Get<Links>(mail, kLinks);
  const Run run = Get<Run>(mail, kRun);
  SetNext(links.previous, links.next);
  SetPrevious(links.next, links.previous);
  if (IsSmall(span.size_class().value())) {
    central_[span.size_class().value()].Remove(spans(), span);
    span.Close();
    arena_.segmap().SetRange(page, run.pages, 0);
  }
  for (const SpareWord word : {kOwner, kLinks, kRun}) Set(mail, word, uint64_t{0});
  arena_.segmap().Set(page, static_cast<Tag>(run.tag));
  return arena_.segmap().AddressOf(page);
}

void* PrivateHeap::Take(SizeClass c) {
  Central& central = central_[c.value()];
  const uint32_t page = central.Fullest();
  if (page == kNoIndex) return nullptr;
  Span& span = At(PageIndex(page));
  void* object;
  span.Take(arena_.segmap().AddressOf(PageIndex(page)), &object, 1);
  central.Update(spans(), span);
  return object;
}

void PrivateHeap::AddSpan(SizeClass c, void* run) {
  const PageIndex page = arena_.segmap().PageOf(run);
  const unsigned pages = InfoOf(c).pages;
  Link(page, pages);
  Span& span = At(page);
  span.Open(c, page);
  for (unsigned i = 1; i < pages; ++i) At(PageIndex(page.value() + i)).PointTo(page);
  arena_.segmap().SetRange(page, pages, kTagPrivate);
  central_[c.value()].Update(spans(), span);
}

void PrivateHeap::AddRun(void* run, size_t n) {
  const PageIndex page = arena_.segmap().PageOf(run);
  Link(page, n);
  At(page).PointTo(page);
  arena_.segmap().Set(page, kTagPrivate);
}

void* PrivateHeap::Free(void* p) {
  const PageIndex page = FirstPageOfRun(arena_, p);
  if (IsSmall(At(page).size_class().value())) return FreeObject(page, p);
  if (arena_.segmap().AddressOf(page) != p) ReportMisuse(Misuse::kInteriorPointer, p);
  return Unlink(page);
}

// An empty span is kept only while it is the class's last one with room.
void* PrivateHeap::FreeObject(PageIndex page, void* p) {
  Span& span = At(page);
  Central& central = central_[span.size_class().value()];
  const char* base = arena_.segmap().AddressOf(page);
  FreeResult result;
  span.FreeRow(base, &p, 1, &result);
  if (result == FreeResult::kDoubleFree) ReportMisuse(Misuse::kDoubleFree, p);
  if (result == FreeResult::kNotAnObject) ReportMisuse(Misuse::kInteriorPointer, p);
  central.Update(spans(), span);
  return span.AllFree() && !central.HasOnly(span) ? Unlink(page) : nullptr;
}

void* PrivateHeap::RemoveRun() { return first_ == kNoIndex ? nullptr : Unlink(PageIndex(first_)); }

}  // namespace hz3
