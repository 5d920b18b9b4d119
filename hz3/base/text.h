// Text: appends words and numbers to a fixed buffer, without allocating. What does not fit is cut
// off and counted, never written. One thread.
#ifndef HZ3_BASE_TEXT_H_
#define HZ3_BASE_TEXT_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

class Text {
 public:
  // `size` bytes at `buffer`; the last one is kept for a terminating zero. size may be 0.
  Text(char* buffer, size_t size) : buffer_(buffer), size_(size) { Terminate(); }

  // Out of line: whoever prints does so once, and the library should be small.
  __attribute__((noinline)) Text& operator<<(const char* s) {
    while (*s != '\0') Put(*s++);
    Terminate();
    return *this;
  }
  __attribute__((noinline)) Text& operator<<(uint64_t value) {
    char digits[20];
    int n = 0;
    do {
      digits[n++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (n > 0) Put(digits[--n]);
    Terminate();
    return *this;
  }

  // Bytes that the whole text has or would have had, without the terminating zero.
  size_t wanted() const { return wanted_; }
  size_t written() const { return wanted_ < size_ ? wanted_ : (size_ == 0 ? 0 : size_ - 1); }

 private:
  void Put(char c) {
    if (wanted_ + 1 < size_) buffer_[wanted_] = c;
    ++wanted_;
  }
  void Terminate() {
    if (size_ > 0) buffer_[written()] = '\0';
  }

  char* buffer_;
  size_t size_;
  size_t wanted_ = 0;
};

}  // namespace hz3

#endif  // HZ3_BASE_TEXT_H_
