#include "tools/hz3/pprof_reader.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "hz3/observe/gzip_writer.h"
#include "hz3/observe/proto_message.h"

namespace hz3::tool {
namespace {

std::string BytesOf(const ProtoMessage& message) {
  return std::string(reinterpret_cast<const char*>(message.data()), message.size());
}

// A profile of one sample, whose frames are 0x1001 in a library and 0x99 nowhere.
std::string SmallProfile() {
  ProtoMessage figure, mapping, function, line, first, second, sample, profile;
  figure.Number(1, 1).Number(2, 2);
  mapping.Number(1, 1).Number(2, 0x1000).Number(3, 0x2000).Number(4, 0x500).Number(5, 3).Number(6,
                                                                                                4);
  function.Number(1, 7).Number(2, 5);
  line.Number(1, 7);
  first.Number(1, 1).Number(2, 1).Number(3, 0x1001).Message(4, line);
  second.Number(1, 2).Number(3, 0x99);
  sample.Packed(1, 2, [](unsigned i) -> uint64_t { return i + 1; })
      .Packed(2, 1, [](unsigned) -> uint64_t { return 12345; });
  profile.Message(1, figure).Message(2, sample).Message(3, mapping).Message(4, first);
  profile.Message(4, second).Message(5, function).Number(12, 4096).Number(14, 1);
  for (const char* text : {"", "inuse_space", "bytes", "/lib/libx.so", "abcd", "leaky"}) {
    profile.String(6, text);
  }
  return BytesOf(profile);
}

std::string Zipped(const std::string& content) {
  const int fd = memfd_create("profile", 0);
  GzipWriter writer(fd);
  writer.Append(content.data(), content.size());
  EXPECT_TRUE(writer.Finish());
  std::string file(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, file.data(), file.size(), 0), static_cast<ssize_t>(file.size()));
  close(fd);
  return file;
}

void ExpectSmallProfile(const absl::StatusOr<PprofProfile>& profile) {
  ASSERT_TRUE(profile.ok()) << profile.status();
  ASSERT_EQ(profile->FigureIndex("inuse_space"), 0);
  EXPECT_EQ(profile->FigureIndex("alloc_space"), -1);
  EXPECT_EQ(profile->figures[0].unit, "bytes");
  EXPECT_EQ(profile->default_figure, "inuse_space");
  EXPECT_EQ(profile->period, 4096);
  ASSERT_EQ(profile->samples.size(), 1u);
  EXPECT_EQ(profile->samples[0].values, std::vector<int64_t>{12345});
  ASSERT_EQ(profile->samples[0].locations, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(profile->locations.at(1).function, "leaky");
  EXPECT_EQ(profile->locations.at(2).function, "");
  EXPECT_EQ(profile->mappings.at(1).file, "/lib/libx.so");
  EXPECT_EQ(profile->mappings.at(1).build_id, "abcd");
}

TEST(PprofReader, ReadsTheMessageAndTheGzippedMessage) {
  ExpectSmallProfile(ParsePprof(SmallProfile()));
  ExpectSmallProfile(ParsePprof(Zipped(SmallProfile())));
}

TEST(PprofReader, AFileThatIsCutOffAnywhereIsRefused) {
  const std::string file = Zipped(SmallProfile());
  for (size_t n = 0; n < file.size(); ++n) {
    EXPECT_FALSE(ParsePprof(file.substr(0, n)).ok()) << n;
  }
}

TEST(PprofReader, AGzippedFileWithAFlippedBitIsRefused) {
  const std::string file = Zipped(SmallProfile());
  // From the first block's length on: the upper bits before it are padding.
  for (size_t i = 11; i < file.size(); ++i) {
    std::string broken = file;
    broken[i] = static_cast<char>(broken[i] ^ 16);
    EXPECT_FALSE(ParsePprof(broken).ok()) << i;
  }
}

TEST(PprofReader, AnyBrokenMessageDoesNoHarm) {
  const std::string message = SmallProfile();
  for (size_t i = 0; i < message.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string broken = message;
      broken[i] = static_cast<char>(broken[i] ^ (1 << bit));
      static_cast<void>(ParsePprof(broken));  // either is fine
    }
  }
}

TEST(PprofReader, CompressionIsNamedAsTheReason) {
  std::string file = Zipped(SmallProfile());
  file[10] = 5;  // the last block, with dynamic Huffman codes
  const auto profile = ParsePprof(file);
  ASSERT_FALSE(profile.ok());
  EXPECT_NE(profile.status().message().find("gunzip"), std::string_view::npos);
}

}  // namespace
}  // namespace hz3::tool
