#include "hz3/thread/sample_points.h"

#include "hz3/base/exponential.h"
#include "hz3/base/random.h"

namespace hz3 {

void SamplePoints::Start(size_t interval, uint64_t seed) {
  interval_ = interval;
  state_ = seed;
  Draw();
}

// From the end of a sampled block: an exponential distribution has no memory.
void SamplePoints::Draw() {
  if (interval_ == 0) {
    left_ = kNever;
    return;
  }
  // One byte: a point in every block.
  state_ += 0x9e3779b97f4a7c15u;
  const double draw = ExponentialDraw(Mix(state_), static_cast<double>(interval_));
  left_ = interval_ == 1 ? 0 : static_cast<int64_t>(draw);
}

}  // namespace hz3
