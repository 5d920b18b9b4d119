// ProtoMessage: a message in the wire format of Protocol Buffers, built in a fixed buffer. What
// does not fit makes it invalid; nothing is written beyond. One thread; event path.
#ifndef HZ3_OBSERVE_PROTO_MESSAGE_H_
#define HZ3_OBSERVE_PROTO_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hz3 {

class ProtoMessage {
 public:
  static constexpr size_t kMaxBytes = 2048;

  ProtoMessage& Number(unsigned field, uint64_t value) {
    Key(field, kVarint);
    Varint(value);
    return *this;
  }
  ProtoMessage& Bytes(unsigned field, const void* bytes, size_t n) {
    Key(field, kLengthDelimited);
    Varint(n);
    Append(bytes, n);
    return *this;
  }
  ProtoMessage& String(unsigned field, const char* text) {
    return Bytes(field, text, strlen(text));
  }
  ProtoMessage& Message(unsigned field, const ProtoMessage& message) {
    valid_ = valid_ && message.valid_;
    return Bytes(field, message.data(), message.size());
  }
  // Numbers of a repeated field, packed: element(i) for i in [0, n).
  template <typename F>
  ProtoMessage& Packed(unsigned field, unsigned n, F element) {
    ProtoMessage numbers;
    for (unsigned i = 0; i < n; ++i) numbers.Varint(element(i));
    return Message(field, numbers);
  }

  const uint8_t* data() const { return bytes_; }
  size_t size() const { return size_; }
  bool valid() const { return valid_; }

 private:
  static constexpr unsigned kVarint = 0;
  static constexpr unsigned kLengthDelimited = 2;

  void Key(unsigned field, unsigned type) { Varint(field << 3 | type); }
  void Varint(uint64_t value) {
    uint8_t bytes[10];
    size_t n = 0;
    for (; value >= 128; value >>= 7) bytes[n++] = static_cast<uint8_t>(value | 128);
    bytes[n++] = static_cast<uint8_t>(value);
    Append(bytes, n);
  }
  void Append(const void* bytes, size_t n) {
    if (n > sizeof(bytes_) - size_) {
      valid_ = false;
      return;
    }
    memcpy(bytes_ + size_, bytes, n);
    size_ += n;
  }

  size_t size_ = 0;
  bool valid_ = true;
  uint8_t bytes_[kMaxBytes];
};

}  // namespace hz3

#endif  // HZ3_OBSERVE_PROTO_MESSAGE_H_
