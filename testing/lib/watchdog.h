// Ends the process, loudly, when a test hangs: tests of locks and forks must fail, not wait.

#ifndef TESTING_LIB_WATCHDOG_H_
#define TESTING_LIB_WATCHDOG_H_

namespace hz3::testlib {

// At most one at a time in a process. Inherited by forked children only if they make their own.
class Watchdog {
 public:
  // `what` must outlive the watchdog; it is named in the message.
  Watchdog(const char* what, unsigned seconds);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
};

}  // namespace hz3::testlib

#endif  // TESTING_LIB_WATCHDOG_H_
