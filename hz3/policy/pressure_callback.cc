#include "hz3/policy/pressure_callback.h"

namespace hz3 {
namespace {

constinit thread_local bool inside = false;

}  // namespace

void PressureCallback::Set(Function function, void* arg) {
  LeaseHolder hold(lease_);
  function_ = function;
  arg_ = arg;
  is_set_.store(function != nullptr, std::memory_order_relaxed);
  vain_.store(0, std::memory_order_relaxed);  // this one has not been asked yet
}

bool PressureCallback::Ask(size_t bytes, uint64_t releases) {
  if (inside || vain_.load(std::memory_order_relaxed) == releases + 1) return false;
  Function function;
  void* arg;
  {
    LeaseHolder hold(lease_);
    function = function_;
    arg = arg_;
  }
  if (function == nullptr) return false;
  calls_.fetch_add(1, std::memory_order_relaxed);
  inside = true;
  const bool released = function(bytes, arg) != 0;
  inside = false;
  if (!released) RememberVain(shards_->Releases());
  return released;
}

}  // namespace hz3
