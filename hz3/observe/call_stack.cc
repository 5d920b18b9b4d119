#include "hz3/observe/call_stack.h"

#include <unwind.h>

namespace hz3 {
namespace {

#if defined(__GLIBC__)
struct Walk {
  CallStack* stack;
  uintptr_t base;
};

// The canonical frame address of the frame inside: on x86-64 the return address lies right below.
const uintptr_t* ReturnAddressSlot(_Unwind_Context* context) {
  return reinterpret_cast<const uintptr_t*>(_Unwind_GetCFA(context)) - 1;
}

_Unwind_Reason_Code Visit(_Unwind_Context* context, void* arg) {
  Walk& walk = *static_cast<Walk*>(arg);
  CallStack& stack = *walk.stack;
  const uintptr_t frame = _Unwind_GetIP(context);
  const uintptr_t* const slot = ReturnAddressSlot(context);
  const auto at = reinterpret_cast<uintptr_t>(slot);
  if (at < walk.base) return _URC_NO_REASON;
  if (frame == 0 || stack.count == CallStack::kMaxFrames) return _URC_END_OF_STACK;
  const uintptr_t offset = (at - walk.base) / sizeof(uintptr_t);
  if (offset > UINT32_MAX || at % sizeof(uintptr_t) != 0 || *slot != frame) {
    stack.has_offsets = false;
  } else {
    stack.offsets[stack.count] = static_cast<uint32_t>(offset);
  }
  stack.frames[stack.count++] = frame;
  return _URC_NO_REASON;
}
#endif

}  // namespace

#if defined(__GLIBC__)
void CallStack::Collect(const void* base) {
  count = 0;
  has_offsets = true;
  Walk walk{this, reinterpret_cast<uintptr_t>(base)};
  _Unwind_Backtrace(Visit, &walk);
  if (count == 0) has_offsets = false;
}
#else
// libgcc's unwinder wants what only glibc has (_dl_find_object): the caller is all there is.
void CallStack::Collect(const void*) {
  count = 1;
  has_offsets = false;
  frames[0] = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
}
#endif

}  // namespace hz3
