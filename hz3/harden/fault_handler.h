// FaultHandler: lets hz3 say what it knows about an address before a fault there ends the process.
// It installs a handler of SIGSEGV that asks `explain` and then leaves the signal to whoever
// had it before: a handler of the program, or the kernel, which ends the process.
//
// A program that installs its own handler later replaces this one; then nothing is said. Once per
// process, slow path.
#ifndef HZ3_HARDEN_FAULT_HANDLER_H_
#define HZ3_HARDEN_FAULT_HANDLER_H_

namespace hz3 {

// Async-signal-safe; called in the thread that faulted.
using ExplainFault = void (*)(const void* address);

// Later calls do nothing.
void InstallFaultHandler(ExplainFault explain);

}  // namespace hz3

#endif  // HZ3_HARDEN_FAULT_HANDLER_H_
