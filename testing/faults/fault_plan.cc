#include "testing/faults/fault_plan.h"

#include <cstring>

#include "testing/lib/random.h"

namespace hz3::testlib {

const char* const kOsCallNames[kOsCalls] = {"mmap", "mprotect",    "madvise", "mremap",
                                            "key",  "setspecific", "atfork"};

namespace {

constexpr unsigned kAny = kOsCalls;

// Moves past `word` if the text begins with it.
bool Take(const char*& text, const char* word) {
  const size_t length = std::strlen(word);
  if (std::strncmp(text, word, length) != 0) return false;
  text += length;
  return true;
}

bool TakeNumber(const char*& text, uint64_t& number) {
  const char* const begin = text;
  for (number = 0; *text >= '0' && *text <= '9'; ++text) {
    number = number * 10 + static_cast<uint64_t>(*text - '0');
  }
  return text != begin;
}

// The number of the call that the text begins with; more than kAny when there is none.
unsigned TakeCall(const char*& text) {
  for (unsigned call = 0; call < kOsCalls; ++call) {
    if (Take(text, kOsCallNames[call])) return call;
  }
  return Take(text, "any") ? kAny : kAny + 1;
}

}  // namespace

// Returns what follows the part, nullptr when it is none.
const char* FaultPlan::ParsePart(const char* text) {
  uint64_t number = 0;
  if (Take(text, "commit<")) {
    if (!TakeNumber(text, number)) return nullptr;
    budget_ = static_cast<size_t>(number) << 20;
    return text;
  }
  const unsigned call = TakeCall(text);
  if (call > kAny) return nullptr;
  Rule parsed;
  if (Take(text, "@")) {
    if (!TakeNumber(text, parsed.first)) return nullptr;
    parsed.last = Take(text, "+") ? UINT64_MAX : parsed.first;
  } else if (Take(text, "%")) {
    if (!TakeNumber(text, number) || number > 100) return nullptr;
    parsed.percent = static_cast<unsigned>(number);
    if (!Take(text, ":") || !TakeNumber(text, parsed.seed)) return nullptr;
  } else {
    return nullptr;
  }
  for (unsigned i = 0; i < kOsCalls; ++i) {
    if (call != i && call != kAny) continue;
    rules_[i].first = parsed.first;
    rules_[i].last = parsed.last;
    rules_[i].percent = parsed.percent;
    rules_[i].seed = parsed.seed + i;
  }
  return text;
}

bool FaultPlan::Parse(const char* text) {
  while (*text != '\0') {
    text = ParsePart(text);
    if (text == nullptr || (*text != '\0' && !Take(text, ","))) return false;
  }
  active_.store(true, std::memory_order_relaxed);
  return true;
}

bool FaultPlan::Note(bool fails) {
  fails = fails && active_.load(std::memory_order_relaxed);
  if (fails) failed_.fetch_add(1, std::memory_order_relaxed);
  return fails;
}

bool FaultPlan::Fails(OsCall call) {
  Rule& r = rules_[static_cast<unsigned>(call)];
  const uint64_t n = r.seen.fetch_add(1, std::memory_order_relaxed);
  if (n >= r.first && n <= r.last) return Note(true);
  // A generator of its own for each call: what one thread does leaves another's faults alone.
  return r.percent != 0 && Note(Random(r.seed << 32 ^ n).Below(100) < r.percent);
}

bool FaultPlan::MayCommit(size_t bytes) {
  const size_t before = committed_.fetch_add(bytes, std::memory_order_relaxed);
  if (!Note(bytes > budget_ || before > budget_ - bytes)) return true;
  committed_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

}  // namespace hz3::testlib
