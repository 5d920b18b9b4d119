#include "bench/gate/junit.h"

#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

TEST(Junit, HasOneTestCaseForEachFinding) {
  const std::string xml = JunitXml(
      {{"pair", "scale", "instructions", Outcome::kPass, 15.0, 15.0, 15.15, "-", "", 1.5},
       {"repro", "fast", "alloc_failed", Outcome::kFail, 3.0, {}, 0.0, "-", "a < b & \"c\"", 2},
       {"timed", "scale", "cpu_to_libc", Outcome::kUndecided, 0.5, 0.5, 0.6, "-", "noisy"}});
  EXPECT_EQ(xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"3.500\">\n"
            "  <testsuite name=\"gate\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" "
            "time=\"3.500\">\n"
            "    <testcase classname=\"gate.scale.pair\" name=\"instructions\" time=\"1.500\">\n"
            "      <system-out>15.00 (limit 15.15)</system-out>\n"
            "    </testcase>\n"
            "    <testcase classname=\"gate.fast.repro\" name=\"alloc_failed\" time=\"2.000\">\n"
            "      <failure message=\"3 (limit 0): a &lt; b &amp; &quot;c&quot;\"/>\n"
            "    </testcase>\n"
            "    <testcase classname=\"gate.scale.timed\" name=\"cpu_to_libc\" time=\"0.000\">\n"
            "      <skipped message=\"0.500 (limit 0.600): noisy\"/>\n"
            "    </testcase>\n"
            "  </testsuite>\n"
            "</testsuites>\n");
}

TEST(Junit, HoldsNoByteThatXmlForbids) {
  EXPECT_EQ(XmlEscape(std::string("a\x01\xff\tb\n>")), "a??\tb\n&gt;");
}

}  // namespace
}  // namespace hz3::gate
