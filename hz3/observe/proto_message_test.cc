#include "hz3/observe/proto_message.h"

#include <string>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

std::string Hex(const ProtoMessage& message) {
  std::string text;
  for (size_t i = 0; i < message.size(); ++i) {
    text += "0123456789abcdef"[message.data()[i] >> 4];
    text += "0123456789abcdef"[message.data()[i] & 15];
  }
  return text;
}

// The examples of protobuf.dev's page on the encoding.
TEST(ProtoMessage, EncodesTheExamplesOfTheFormatsDescription) {
  ProtoMessage number, string, outer, packed;
  EXPECT_EQ(Hex(number.Number(1, 150)), "089601");
  EXPECT_EQ(Hex(string.String(2, "testing")), "120774657374696e67");
  EXPECT_EQ(Hex(outer.Message(3, number)), "1a03089601");
  packed.Packed(6, 3, [](unsigned i) -> uint64_t { return i == 0 ? 3 : i == 1 ? 270 : 86942; });
  EXPECT_EQ(Hex(packed), "3206038e029ea705");
}

TEST(ProtoMessage, TheLargestNumberTakesTenBytes) {
  ProtoMessage message;
  EXPECT_EQ(Hex(message.Number(1, ~uint64_t{0})), "08ffffffffffffffffff01");
}

TEST(ProtoMessage, WhatDoesNotFitMakesItAndWhatHoldsItInvalid) {
  const std::string text(ProtoMessage::kMaxBytes, 'a');
  ProtoMessage message, outer;
  EXPECT_TRUE(message.Number(1, 1).valid());
  EXPECT_FALSE(message.String(2, text.c_str()).valid());
  EXPECT_FALSE(outer.Message(1, message).valid());
}

}  // namespace
}  // namespace hz3
