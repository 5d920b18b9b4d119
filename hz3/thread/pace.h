// Pace: whether events follow each other so fast that a shorter way for each of them would be felt.
// Closed at first; kEvents of them that come fast enough open it, and it stays open until it is
// closed again. So a short burst of few events does not open it, and what is slow never does.
//
// One thread's. Slow path; while it is closed two of kEvents read the clock, while it is open none.
#ifndef HZ3_THREAD_PACE_H_
#define HZ3_THREAD_PACE_H_

#include <cstdint>

namespace hz3 {

class Pace {
 public:
  static constexpr unsigned kEvents = 32;

  // One more event; whether it is open now. now_ns() is any monotonic clock; on average the events
  // have to come within `most_ns` of each other.
  template <typename Clock>
  bool Note(uint64_t most_ns, Clock now_ns) {
    if (open_) return true;
    if (events_ == 0) {
      first_ns_ = now_ns();
      events_ = 1;
    } else if (++events_ == kEvents) {
      events_ = 0;
      open_ = now_ns() - first_ns_ <= most_ns * (kEvents - 1);
    }
    return open_;
  }
  void Close() {
    open_ = false;
    events_ = 0;
  }

 private:
  uint64_t first_ns_ = 0;
  uint8_t events_ = 0;  // since first_ns_
  bool open_ = false;
};

}  // namespace hz3

#endif  // HZ3_THREAD_PACE_H_
