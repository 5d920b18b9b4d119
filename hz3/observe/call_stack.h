// CallStack: where the calling thread is: its return addresses, innermost first, and where on the
// stack each of them lies, so that a later look can tell in a few loads whether it is here again.
//
// Collecting unwinds by the tables that compilers emit, frame pointers are not needed. It does not
// allocate through hz3, but the unwinder may allocate at its first use and take the dynamic
// linker's lock: under no lease. Slow path.
#ifndef HZ3_OBSERVE_CALL_STACK_H_
#define HZ3_OBSERVE_CALL_STACK_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

struct CallStack {
  static constexpr unsigned kMaxFrames = 48;

  unsigned count = 0;
  // Whether all return addresses were found on the stack where the processor's convention puts
  // them; otherwise `offsets` say nothing.
  bool has_offsets = false;
  uintptr_t frames[kMaxFrames];
  uint32_t offsets[kMaxFrames];  // of the return address from `base`, in words

  // The callers of the function whose frame is at `base`, that is its
  // __builtin_frame_address(0). It must be a caller of Collect or Collect's caller itself.
  void Collect(const void* base);
};

}  // namespace hz3

#endif  // HZ3_OBSERVE_CALL_STACK_H_
