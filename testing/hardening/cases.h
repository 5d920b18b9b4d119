// The catalogue of memory errors: programs of a few lines that each make one mistake, and can tell
// whether it did harm. Each runs in a process of its own, which the allocator may end.
//
// A case that comes to its end says what became of the mistake; what else happens to the process
// (an abort, a signal) is for the runner to see. See docs/hardening.md for how they are counted.
#ifndef TESTING_HARDENING_CASES_H_
#define TESTING_HARDENING_CASES_H_

#include <cstddef>
#include <span>

namespace hz3::testlib {

// What a case says at its end.
enum class Effect {
  kHarm,     // the mistake went through, or its harm can be seen
  kNoHarm,   // the process went on, and what the case looks for did not happen
  kRefused,  // the request failed as it should: nullptr, or std::bad_alloc
};

struct Case {
  const char* name;
  const char* kind;     // the group of the table that it is counted in
  const char* mistake;  // in words
  bool sized;           // runs for a small, a medium and a large block
  Effect (*run)(std::size_t size);
};

std::span<const Case> AllCases();

struct BlockSize {
  const char* name;
  std::size_t bytes;
};
// One of each of what hz3 keeps in spans, in runs of pages, and in slots of their own.
inline constexpr BlockSize kBlockSizes[] = {
    {"small", 48}, {"medium", 20 * 1024}, {"large", 3 * 1024 * 1024}};

}  // namespace hz3::testlib

#endif  // TESTING_HARDENING_CASES_H_
