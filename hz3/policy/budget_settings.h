// BudgetSettings: what the build and the operator say about the budget. The build's numbers come
// from config; the operator's are environment variables that are read once, when the heap is made,
// and ignored in programs that run with raised privileges:
//
//   HZ3_LIMIT, HZ3_SOFT_LIMIT   a number of MiB (0: none), or "cgroup": a share of the limit of the
//                               process's control group, none where that has none
//   HZ3_DECAY_MS                half-life of free dirty pages in milliseconds, or "never"
//
// A value that is neither is reported in one line on stderr and ignored; an empty one is unset.
// Event path; nothing here allocates. errno is kept.
#ifndef HZ3_POLICY_BUDGET_SETTINGS_H_
#define HZ3_POLICY_BUDGET_SETTINGS_H_

#include <cstddef>

#include "hz3/policy/mem_budget.h"

namespace hz3 {

// Shares of a control group's limit, in percent. What the heap leaves alone is for thread stacks,
// the program itself, the heap's metadata and the page cache, all of which the group counts too.
// The soft share is low enough that giving back begins before the kernel takes page cache away.
inline constexpr unsigned kHardCgroupPercent = 90;
inline constexpr unsigned kSoftCgroupPercent = 75;

// `percent` of the control group's limit in bytes; MemBudget::kNoLimit when it has none.
size_t CgroupShare(unsigned percent);

// What a value of HZ3_LIMIT or HZ3_SOFT_LIMIT means, in bytes; false when it means nothing.
bool ParseLimit(const char* text, unsigned cgroup_percent, size_t* bytes);
// What a value of HZ3_DECAY_MS means; false when it means nothing.
bool ParseDecay(const char* text, size_t* half_life_ms);

// A variable's number of milliseconds, at most `most`; 0 when it is unset, is none, which is
// reported, or the program runs with raised privileges.
size_t MsFromEnvironment(const char* name, size_t most);

// Sets what the build says and then what the environment says.
void ApplyBudgetSettings(MemBudget& budget);

}  // namespace hz3

#endif  // HZ3_POLICY_BUDGET_SETTINGS_H_
