#include "hz3/policy/budget_settings.h"

#include <sys/auxv.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "hz3/base/report.h"
#include "hz3/base/text.h"
#include "hz3/config/config.h"
#include "hz3/policy/cgroup.h"

namespace hz3 {
namespace {

// More MiB than this do not fit into a number of bytes.
constexpr size_t kMostMib = SIZE_MAX >> 20;
// A century: longer than anybody means who writes a number.
constexpr size_t kMostMs = size_t{100} * 365 * 24 * 3600 * 1000;

bool ParseNumber(const char* text, size_t most, size_t* number) {
  size_t value = 0;
  if (*text == '\0') return false;
  for (const char* p = text; *p != '\0'; ++p) {
    if (*p < '0' || *p > '9') return false;
    value = value * 10 + static_cast<size_t>(*p - '0');
    if (value > most) return false;
  }
  *number = value;
  return true;
}

size_t LimitOfMib(size_t mib) { return mib == 0 ? MemBudget::kNoLimit : mib << 20; }

void ReportIgnored(const char* name, const char* value, const char* wanted) {
  char line[200];
  Text text(line, sizeof(line) - 1);
  text << "hz3: " << name << "=" << value << " is ignored: it should be " << wanted;
  line[text.written()] = '\n';
  WriteToStderr(line, text.written() + 1);
}

// Calls set(value) for a variable that is set and parses.
template <typename Parse, typename Set>
void ReadVariable(const char* name, const char* wanted, Parse parse, Set set) {
  const char* text = getenv(name);
  if (text == nullptr || *text == '\0') return;
  size_t value;
  if (parse(text, &value)) {
    set(value);
  } else {
    ReportIgnored(name, text, wanted);
  }
}

void ReadEnvironment(MemBudget& budget) {
  constexpr const char* kLimit = "a number of MiB, or cgroup";
  ReadVariable(
      "HZ3_LIMIT", kLimit,
      [](const char* text, size_t* value) { return ParseLimit(text, kHardCgroupPercent, value); },
      [&](size_t bytes) { budget.SetLimit(bytes); });
  ReadVariable(
      "HZ3_SOFT_LIMIT", kLimit,
      [](const char* text, size_t* value) { return ParseLimit(text, kSoftCgroupPercent, value); },
      [&](size_t bytes) { budget.SetSoftLimit(bytes); });
  ReadVariable("HZ3_DECAY_MS", "a number of milliseconds, or never", ParseDecay,
               [&](size_t ms) { budget.SetDecayHalfLife(ms); });
}

}  // namespace

size_t CgroupShare(unsigned percent) {
  const size_t limit = CgroupMemoryLimit();
  return limit == kNoCgroupLimit ? MemBudget::kNoLimit : limit / 100 * percent;
}

bool ParseLimit(const char* text, unsigned cgroup_percent, size_t* bytes) {
  if (strcmp(text, "cgroup") == 0) {
    *bytes = CgroupShare(cgroup_percent);
    return true;
  }
  size_t mib;
  if (!ParseNumber(text, kMostMib, &mib)) return false;
  *bytes = LimitOfMib(mib);
  return true;
}

bool ParseDecay(const char* text, size_t* half_life_ms) {
  if (strcmp(text, "never") == 0) {
    *half_life_ms = MemBudget::kNoDecay;
    return true;
  }
  return ParseNumber(text, kMostMs, half_life_ms);
}

size_t MsFromEnvironment(const char* name, size_t most) {
  if (getauxval(AT_SECURE) != 0) return 0;
  const int saved = errno;
  size_t ms = 0;
  ReadVariable(
      name, "a number of milliseconds, not too large",
      [=](const char* text, size_t* value) { return ParseNumber(text, most, value); },
      [&](size_t value) { ms = value; });
  errno = saved;
  return ms;
}

void ApplyBudgetSettings(MemBudget& budget) {
  const int saved = errno;
  budget.SetLimit(LimitOfMib(kConfig.limit_mib));
  budget.SetSoftLimit(LimitOfMib(kConfig.soft_limit_mib));
  if (getauxval(AT_SECURE) == 0) ReadEnvironment(budget);
  errno = saved;
}

}  // namespace hz3
