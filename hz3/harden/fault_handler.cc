#include "hz3/harden/fault_handler.h"

#include <atomic>
#include <cerrno>
#include <csignal>

namespace hz3 {
namespace {

// Relaxed: a pointer to code that is always there; what it looks into is made before the handler is
// installed, and a system call lies between.
constinit std::atomic<ExplainFault> explain_fault{nullptr};
// Written before the handler is installed, so every handler sees it.
struct sigaction before;

void Forward(int signal, siginfo_t* info, void* context) {
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
    // The instruction faults again when this returns, and the kernel ends the process.
    struct sigaction by_default = {};
    by_default.sa_handler = SIG_DFL;
    sigaction(signal, &by_default, nullptr);
  } else {
    before.sa_handler(signal);
  }
}

void OnFault(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  // One report; a fault in the midst of it goes on to the end.
  const ExplainFault explain = explain_fault.exchange(nullptr, std::memory_order_relaxed);
  // Not for a signal that somebody sent.
  if (explain != nullptr && info->si_code > 0) explain(info->si_addr);
  explain_fault.store(explain, std::memory_order_relaxed);
  errno = saved;
  Forward(signal, info, context);
}

}  // namespace

void InstallFaultHandler(ExplainFault explain) {
  const int saved = errno;
  ExplainFault none = nullptr;
  if (explain_fault.compare_exchange_strong(none, explain, std::memory_order_relaxed) &&
      sigaction(SIGSEGV, nullptr, &before) == 0) {
    struct sigaction action = {};
    action.sa_sigaction = OnFault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGSEGV, &action, nullptr);
  }
  errno = saved;
}

}  // namespace hz3
