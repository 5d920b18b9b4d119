// Cgroup: how much memory the control groups of this process let it have (cgroups(7)): memory.max
// of version 2, memory.limit_in_bytes of version 1, whichever has the memory controller; the
// smallest limit from the group of the process up to the root of what is mounted.
//
// Thread-safe: no state. Event path: opens files. Neither allocates nor uses stdio; errno is kept.
// Bounds: a line or path of more than kMaxCgroupText bytes is passed over whole.
#ifndef HZ3_POLICY_CGROUP_H_
#define HZ3_POLICY_CGROUP_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

inline constexpr size_t kMaxCgroupText = 2048;
inline constexpr size_t kNoCgroupLimit = SIZE_MAX;

// The smallest limit in bytes, or kNoCgroupLimit when there is none or none can be read. `root` is
// put before every path that is opened: empty but in tests.
size_t CgroupMemoryLimit(const char* root = "");

// -- Parsing: pure, for the above and for tests ---------------------------------------------------

// The bytes that a limit's file tells; kNoCgroupLimit for "max", for what is no number, and for
// more than any machine has (version 1 says "none" by a huge number).
size_t ParseCgroupLimit(const char* text);

// Where the memory controller's files of a process are, learnt line by line.
class MemoryCgroup {
 public:
  // A line of /proc/self/cgroup.
  void AddMembership(const char* line);
  // A line of /proc/self/mountinfo, after all of the above.
  void AddMount(const char* line);

  // Whether the group of the process is below some mount.
  bool found() const { return found_; }
  // The group's directory, and the length of the part of it that is the mount.
  const char* directory() const { return directory_; }
  size_t mount_length() const { return mount_length_; }
  // The name of the file in each directory that holds the limit.
  const char* limit_file() const { return in_v1_ ? "memory.limit_in_bytes" : "memory.max"; }

 private:
  bool in_v1_ = false;
  bool has_group_ = false;
  bool found_ = false;
  char group_[kMaxCgroupText] = {};  // of the process, in its hierarchy
  char directory_[kMaxCgroupText] = {};
  size_t mount_length_ = 0;
};

}  // namespace hz3

#endif  // HZ3_POLICY_CGROUP_H_
