// FuzzInput: the bytes of a fuzzer as numbers, and what a fuzz target says when something is wrong.
// An input that is used up yields zeroes, so that every input is a program that ends.
#ifndef TESTING_FUZZ_FUZZ_INPUT_H_
#define TESTING_FUZZ_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

// What libFuzzer calls, and replay_main.cc.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace hz3::fuzz {

class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool empty() const { return at_ == size_; }
  uint8_t Byte() { return empty() ? uint8_t{0} : data_[at_++]; }
  // The next `bytes` bytes (up to 8) as a number, the lowest first.
  uint64_t Number(unsigned bytes = 8) {
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; ++i) number |= uint64_t{Byte()} << (8 * i);
    return number;
  }
  // In [0, bound), bound > 0; as many bytes as it takes.
  unsigned Below(unsigned bound) {
    return static_cast<unsigned>(Number(bound <= 256 ? 1 : 2) % bound);
  }

 private:
  const uint8_t* const data_;
  const size_t size_;
  size_t at_ = 0;
};

inline void Require(bool good, const char* what) {
  if (good) [[likely]]
    return;
  std::fprintf(stderr, "fuzz: not so: %s\n", what);
  std::abort();
}

}  // namespace hz3::fuzz

#endif  // TESTING_FUZZ_FUZZ_INPUT_H_
