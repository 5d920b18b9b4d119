// SamplePoints: where on the stream of bytes that one thread takes from the shards its sample
// points lie: a Poisson process of one point every `interval` bytes on average. A block that holds
// one is sampled, so one of n bytes is with probability 1 - e^(-n / interval), whatever its
// neighbours are.
//
// Belongs to one thread; slow path. While nothing is sampled it costs a subtraction and a
// comparison.
#ifndef HZ3_THREAD_SAMPLE_POINTS_H_
#define HZ3_THREAD_SAMPLE_POINTS_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

class SamplePoints {
 public:
  // One point every `interval` bytes from here on; 0: none. The same seed gives the same points.
  void Start(size_t interval, uint64_t seed);

  // `bytes` of one block go by. Whether a point lies in it.
  bool Pass(size_t bytes) {
    left_ -= static_cast<int64_t>(bytes);
    if (left_ >= 0) [[likely]]
      return false;
    Draw();
    return true;
  }
  // The same for bytes of several blocks; false, with nothing gone by, when a point lies in them:
  // then each block is to pass by itself.
  bool PassAll(size_t bytes) {
    if (left_ < static_cast<int64_t>(bytes)) [[unlikely]]
      return false;
    left_ -= static_cast<int64_t>(bytes);
    return true;
  }

 private:
  static constexpr int64_t kNever = INT64_MAX / 2;

  void Draw();

  size_t interval_ = 0;
  uint64_t state_ = 0;
  int64_t left_ = kNever;
};

}  // namespace hz3

#endif  // HZ3_THREAD_SAMPLE_POINTS_H_
