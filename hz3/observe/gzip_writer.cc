#include "hz3/observe/gzip_writer.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace hz3 {
namespace {

// Magic number, deflate, no flags, no time, no level, made on Unix.
constexpr uint8_t kHeader[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

// By the polynomial that RFC 1952 names, bits reversed.
constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
    table[i] = crc;
  }
  return table;
}();

uint32_t UpdateCrc(uint32_t crc, const uint8_t* bytes, size_t n) {
  crc = ~crc;
  for (size_t i = 0; i < n; ++i) crc = (crc >> 8) ^ kCrcTable[(crc ^ bytes[i]) & 255];
  return ~crc;
}

template <typename T>
void PutLittleEndian(T value, uint8_t* out) {
  for (size_t i = 0; i < sizeof(T); ++i) out[i] = static_cast<uint8_t>(value >> (8 * i));
}

}  // namespace

int WriteAllTo(int fd, const void* bytes, size_t n) {
  const char* p = static_cast<const char*>(bytes);
  while (n > 0) {
    const ssize_t written = write(fd, p, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    p += written;
    n -= static_cast<size_t>(written);
  }
  return 0;
}

GzipWriter::GzipWriter(int fd) : fd_(fd) { WriteAll(kHeader, sizeof(kHeader)); }

void GzipWriter::WriteAll(const void* bytes, size_t n) {
  if (error_ == 0) error_ = WriteAllTo(fd_, bytes, n);
}

void GzipWriter::Append(const void* bytes, size_t n) {
  const auto* p = static_cast<const uint8_t*>(bytes);
  while (n > 0) {
    const size_t part = std::min(n, kBlock - filled_);
    memcpy(block_ + filled_, p, part);
    filled_ += part;
    p += part;
    n -= part;
    if (filled_ == kBlock) WriteBlock(false);
  }
}

void GzipWriter::WriteBlock(bool last) {
  const auto n = static_cast<uint16_t>(filled_);
  uint8_t head[5] = {last ? uint8_t{1} : uint8_t{0}};
  PutLittleEndian(n, head + 1);
  PutLittleEndian(static_cast<uint16_t>(~n), head + 3);
  crc_ = UpdateCrc(crc_, block_, filled_);
  size_ += n;
  WriteAll(head, sizeof(head));
  WriteAll(block_, filled_);
  filled_ = 0;
}

bool GzipWriter::Finish() {
  WriteBlock(true);
  uint8_t tail[8];
  PutLittleEndian(crc_, tail);
  PutLittleEndian(size_, tail + 4);
  WriteAll(tail, sizeof(tail));
  if (error_ != 0) errno = error_;
  return error_ == 0;
}

}  // namespace hz3
