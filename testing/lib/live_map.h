// LiveMap: which bytes belong to a live block, one bit for each 16 of them, in a table beside the
// heap that covers the whole address space. Two blocks that overlap are found when the second one
// comes, whichever threads they belong to.
//
// Lock-free, any thread; blocks must begin at multiples of 16. The table is address space only;
// 1/128 of what blocks cover becomes resident. A block's bits belong to whoever holds the block.
#ifndef TESTING_LIB_LIVE_MAP_H_
#define TESTING_LIB_LIVE_MAP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hz3::testlib {

class LiveMap {
 public:
  // Aborts when the table's addresses cannot be had.
  LiveMap();
  ~LiveMap();
  LiveMap(const LiveMap&) = delete;
  LiveMap& operator=(const LiveMap&) = delete;

  // False when a byte of the block was live already.
  bool Add(const void* block, size_t bytes);
  // False when a byte of the block was not live.
  bool Remove(const void* block, size_t bytes);

 private:
  std::atomic<uint64_t>* const words_;
};

}  // namespace hz3::testlib

#endif  // TESTING_LIB_LIVE_MAP_H_
