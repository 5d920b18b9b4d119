#include "hz3/exit_profile.h"

#include <string>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(ExitProfile, AFileAloneIsProfiledAtTheDefaultInterval) {
  ProfileSetting setting;
  ASSERT_TRUE(ParseHeapProfileSetting("/tmp/heap.%p.pb.gz", &setting));
  EXPECT_STREQ(setting.path, "/tmp/heap.%p.pb.gz");
  EXPECT_EQ(setting.interval, 0u);
  EXPECT_EQ(setting.seed, 0u);
}

TEST(ExitProfile, OptionsFollowTheFileInAnyOrder) {
  ProfileSetting setting;
  ASSERT_TRUE(ParseHeapProfileSetting("f,interval=4096,seed=7", &setting));
  EXPECT_STREQ(setting.path, "f");
  EXPECT_EQ(setting.interval, 4096u);
  EXPECT_EQ(setting.seed, 7u);
  ASSERT_TRUE(ParseHeapProfileSetting("f,seed=8,interval=1", &setting));
  EXPECT_EQ(setting.interval, 1u);
  EXPECT_EQ(setting.seed, 8u);
}

TEST(ExitProfile, OtherValuesAreRefused) {
  ProfileSetting setting;
  for (const char* text :
       {"", ",interval=1", "f,", "f,interval", "f,interval=", "f,interval=0", "f,interval=1x",
        "f,interval=-1", "f,size=1", "f,interval=99999999999999999999999", "f,seed=1 "}) {
    EXPECT_FALSE(ParseHeapProfileSetting(text, &setting)) << text;
  }
  EXPECT_FALSE(ParseHeapProfileSetting(std::string(2000, 'a').c_str(), &setting));
}

TEST(ExitProfile, ALeakReportIsAskedForByItsInterval) {
  ProfileSetting setting;
  ASSERT_TRUE(ParseLeakReportSetting("1", &setting));
  EXPECT_EQ(setting.interval, 1u);
  ASSERT_TRUE(ParseLeakReportSetting("65536,seed=3", &setting));
  EXPECT_EQ(setting.interval, 65536u);
  EXPECT_EQ(setting.seed, 3u);
  for (const char* text : {"", "0", "yes", "1,", "1,file", "-1"}) {
    EXPECT_FALSE(ParseLeakReportSetting(text, &setting)) << text;
  }
}

}  // namespace
}  // namespace hz3
