// CheckedBlock: how a block looks in the hardened configuration. It lies inside of a plain one:
//
//   plain | ... | header | what the program asked for | slack | end of the plain block
//
// The header lies right below the program's pointer: size, kind of allocation, where the plain
// block begins, whether the block is live or freed, and a checksum over all of it and the address,
// keyed with the process's secret. At least kMinSlack bytes of slack follow, filled with a pattern
// that depends on the address. Freed bytes are filled with poison, fresh ones with zeroes.
//
// Pure functions over the memory of one block; slow path. A live block belongs to its one caller;
// MarkFreed is atomic, so that of two threads that free the same block one is told.
#ifndef HZ3_HARDEN_CHECKED_BLOCK_H_
#define HZ3_HARDEN_CHECKED_BLOCK_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

// What a block was allocated by, and is to be freed by.
enum class BlockKind : uint8_t { kMalloc = 1, kNew = 2, kNewArray = 3 };

// What a header says.
struct CheckedInfo {
  size_t size = 0;
  BlockKind kind = BlockKind::kMalloc;
  size_t offset = 0;  // from the plain block to the program's pointer
};

enum class CheckedState : uint8_t { kLive, kFreed, kNotABlock };

class CheckedBlock {
 public:
  static constexpr size_t kHeaderBytes = 16;
  static constexpr size_t kMinSlack = 8;
  // More slack than this is not looked at: who writes on from the end meets these bytes first.
  static constexpr size_t kCheckedSlack = 64;

  // Bytes of a plain block for `bytes` at a multiple of `align` (a power of two, >= 16).
  static constexpr size_t PlainBytes(size_t bytes, size_t align) {
    return align + bytes + kMinSlack;
  }
  // Makes the plain block of `plain_bytes` at `plain` (a multiple of `align`) a live block of
  // `bytes` zeroes; the program's pointer.
  static char* Create(char* plain, size_t plain_bytes, size_t bytes, size_t align, BlockKind kind);

  // What the header below `user`, which is readable, says. `info` is set unless it is no block.
  static CheckedState Read(const char* user, CheckedInfo* info);
  // A live block becomes a freed one, atomically; what it was before.
  static CheckedState MarkFreed(char* user, CheckedInfo* info);
  // Gives a live block another size within its plain block.
  static void Resize(char* user, const CheckedInfo& info, size_t plain_bytes, size_t bytes);

  // Whether nobody wrote behind the block.
  static bool SlackIsWhole(const char* user, const CheckedInfo& info, size_t plain_bytes);

  static void FillSlack(char* end, size_t bytes);
  static bool SlackIsWhole(const char* end, size_t bytes);
  static void Poison(char* start, size_t bytes);
  // Whether nobody wrote to poisoned bytes.
  static bool IsPoisoned(const char* start, size_t bytes);

 private:
  struct Header;
  static Header* HeaderOf(const char* user);
  static void Write(char* user, const CheckedInfo& info);
  static uint32_t Checksum(const char* user, uint64_t what, uint32_t offset);
};

}  // namespace hz3

#endif  // HZ3_HARDEN_CHECKED_BLOCK_H_
