// A block of memory whose every byte follows from a key, so that a byte that anybody else wrote is
// found.

#ifndef TESTING_LIB_BLOCK_H_
#define TESTING_LIB_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hz3::testlib {

// Fills `size` bytes at `data` with a pattern that depends on `key` and on the position.
inline void FillPattern(void* data, std::size_t size, std::uint64_t key) {
  auto* bytes = static_cast<unsigned char*>(data);
  std::size_t at = 0;
  for (; at + sizeof(key) <= size; at += sizeof(key)) {
    const std::uint64_t word = key ^ (at * 0x9e3779b97f4a7c15u);
    std::memcpy(bytes + at, &word, sizeof(word));
  }
  for (; at < size; ++at) bytes[at] = static_cast<unsigned char>(key + at);
}

// True when the first `length` bytes are what FillPattern wrote for a block of `size` bytes.
inline bool HasPattern(const void* data, std::size_t size, std::uint64_t key, std::size_t length) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::size_t at = 0;
  for (; at < length && at + sizeof(key) <= size; at += sizeof(key)) {
    const std::uint64_t word = key ^ (at * 0x9e3779b97f4a7c15u);
    const std::size_t compared = length - at < sizeof(word) ? length - at : sizeof(word);
    if (std::memcmp(bytes + at, &word, compared) != 0) return false;
  }
  for (; at < length; ++at) {
    if (bytes[at] != static_cast<unsigned char>(key + at)) return false;
  }
  return true;
}

inline bool HasPattern(const void* data, std::size_t size, std::uint64_t key) {
  return HasPattern(data, size, key, size);
}

// True when `size` bytes at `data` are zero.
inline bool IsZero(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

}  // namespace hz3::testlib

#endif  // TESTING_LIB_BLOCK_H_
