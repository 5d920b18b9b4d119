// GzipWriter: writes bytes to a file descriptor in the format of gzip(1), RFC 1952, as stored
// blocks of deflate, RFC 1951: what every reader of compressed files takes, without a compressor in
// malloc. One thread; event path; does not allocate.
#ifndef HZ3_OBSERVE_GZIP_WRITER_H_
#define HZ3_OBSERVE_GZIP_WRITER_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

class GzipWriter {
 public:
  explicit GzipWriter(int fd);
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;

  void Append(const void* bytes, size_t n);
  // Writes what is left. False when any write has failed, with errno as it was left by that; what
  // was written then is no gzip file.
  bool Finish();

 private:
  static constexpr size_t kBlock = 16384;

  void WriteBlock(bool last);
  void WriteAll(const void* bytes, size_t n);

  const int fd_;
  int error_ = 0;
  uint32_t crc_ = 0;
  uint32_t size_ = 0;  // modulo 2^32, as the format has it
  size_t filled_ = 0;
  uint8_t block_[kBlock];
};

// Writes all bytes to `fd`. 0, or the error.
int WriteAllTo(int fd, const void* bytes, size_t n);

}  // namespace hz3

#endif  // HZ3_OBSERVE_GZIP_WRITER_H_
