// The findings as the XML that continuous-integration systems read as test results ("JUnit").
#ifndef BENCH_GATE_JUNIT_H_
#define BENCH_GATE_JUNIT_H_

#include <string>
#include <string_view>
#include <vector>

#include "bench/gate/finding.h"

namespace hz3::gate {

// One test case a finding. What is undecided or skipped is a skipped test with its reason.
std::string JunitXml(const std::vector<Finding>& findings);

// Text as XML has it between tags and in attributes. Bytes that XML cannot hold become '?'.
std::string XmlEscape(std::string_view text);

}  // namespace hz3::gate

#endif  // BENCH_GATE_JUNIT_H_
