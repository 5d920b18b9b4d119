#include "bench/gate/junit.h"

#include <algorithm>

#include "bench/gate/report.h"
#include "bench/lib/stats.h"

namespace hz3::gate {
namespace {

std::string Attribute(const std::string& name, const std::string& value) {
  return " " + name + "=\"" + XmlEscape(value) + "\"";
}

std::string Message(const Finding& finding) {
  std::string text = finding.value ? FigureText(finding.figure, *finding.value) : "";
  if (finding.limit) text += " (limit " + FigureText(finding.figure, *finding.limit) + ")";
  if (!finding.note.empty()) text += (text.empty() ? "" : ": ") + finding.note;
  return text;
}

std::string TestCase(const Finding& finding) {
  const std::string head =
      "    <testcase" + Attribute("classname", "gate." + finding.lane + "." + finding.row) +
      Attribute("name", finding.figure) + Attribute("time", bench::Fixed(finding.seconds, 3));
  const std::string message = Attribute("message", Message(finding));
  if (finding.outcome == Outcome::kPass) {
    return head + ">\n      <system-out>" + XmlEscape(Message(finding)) +
           "</system-out>\n    </testcase>\n";
  }
  const std::string element = finding.outcome == Outcome::kFail ? "failure" : "skipped";
  return head + ">\n      <" + element + message + "/>\n    </testcase>\n";
}

}  // namespace

std::string XmlEscape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c == '\n' || c == '\t' || (c >= ' ' && c <= '~') ? c : '?';
    }
  }
  return escaped;
}

std::string JunitXml(const std::vector<Finding>& findings) {
  size_t failures = 0;
  size_t skipped = 0;
  double seconds = 0;
  std::string cases;
  for (const Finding& finding : findings) {
    failures += finding.outcome == Outcome::kFail;
    skipped += finding.outcome == Outcome::kUndecided || finding.outcome == Outcome::kSkipped;
    seconds += finding.seconds;
    cases += TestCase(finding);
  }
  const std::string counts =
      Attribute("tests", std::to_string(findings.size())) +
      Attribute("failures", std::to_string(failures)) + Attribute("errors", "0") +
      Attribute("skipped", std::to_string(skipped)) + Attribute("time", bench::Fixed(seconds, 3));
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + counts +
         ">\n  <testsuite name=\"gate\"" + counts + ">\n" + cases +
         "  </testsuite>\n</testsuites>\n";
}

}  // namespace hz3::gate
