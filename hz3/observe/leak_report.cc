#include "hz3/observe/leak_report.h"

#include <dlfcn.h>
#include <sys/auxv.h>

#include "hz3/base/text.h"
#include "hz3/harden/stack_trace.h"
#include "hz3/observe/gzip_writer.h"

namespace hz3 {
namespace {

uint64_t Rounded(double value) { return value <= 0 ? 0 : static_cast<uint64_t>(value + 0.5); }

// A line of the report, written as one piece.
class Line {
 public:
  explicit Line(int fd) : fd_(fd) {}
  ~Line() { WriteAllTo(fd_, buffer_, text_.written()); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  template <typename T>
  Line& operator<<(T value) {
    text_ << value;
    return *this;
  }
  Line& Hex(uintptr_t value) {
    char hex[20];
    hex[FormatHex(value, hex)] = '\0';
    text_ << hex;
    return *this;
  }

 private:
  const int fd_;
  char buffer_[1024];
  Text text_{buffer_, sizeof(buffer_)};
};

const void* ModuleOf(uintptr_t address) {
  Dl_info info;
  return dladdr(reinterpret_cast<void*>(address), &info) != 0 ? info.dli_fbase : nullptr;
}

// The library that hz3 is; nullptr when it is a part of the program.
const void* OwnLibrary() {
  const void* own = ModuleOf(reinterpret_cast<uintptr_t>(&ModuleOf));
  return own == ModuleOf(getauxval(AT_ENTRY)) ? nullptr : own;
}

// Frames are return addresses: the call is before.
void PrintFrame(uintptr_t frame, int fd) {
  const uintptr_t address = frame - 1;
  Line line(fd);
  line << "    ";
  line.Hex(address);
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(address), &info) != 0) {
    if (info.dli_sname != nullptr) {
      line << " " << info.dli_sname << "+";
      line.Hex(address - reinterpret_cast<uintptr_t>(info.dli_saddr));
    }
    line << " " << info.dli_fname << "+";
    line.Hex(address - reinterpret_cast<uintptr_t>(info.dli_fbase));
  }
  line << "\n";
}

void PrintSite(HeapProfile& profile, const CallSites::Site& site, const void* own, int fd) {
  Line(fd) << "  " << Rounded(site.live.bytes) << " bytes in " << Rounded(site.live.objects)
           << " blocks, allocated by\n";
  uint32_t frames[CallStack::kMaxFrames];
  const unsigned n = profile.FramesOf(site, frames);
  unsigned i = 0;
  while (own != nullptr && i < n && ModuleOf(profile.AddressAt(frames[i]) - 1) == own) ++i;
  for (; i < n; ++i) PrintFrame(profile.AddressAt(frames[i]), fd);
}

// Live bytes, and among equals the earlier site first.
struct Rank {
  uint64_t bytes = ~uint64_t{0};
  uint32_t site = 0;

  bool Before(const Rank& other) const {
    return bytes != other.bytes ? bytes > other.bytes : site < other.site;
  }
};

// The first site after `last` in the order of ranks; false when there is none.
bool NextSite(HeapProfile& profile, Rank* last) {
  Rank best{0, 0};
  const unsigned count = profile.site_count();
  for (uint32_t i = 0; i < count; ++i) {
    const Rank rank{Rounded(profile.SiteAt(i).live.bytes), i};
    if (rank.bytes > 0 && last->Before(rank) && rank.Before(best)) best = rank;
  }
  *last = best;
  return best.bytes > 0;
}

}  // namespace

void PrintLeakReport(HeapProfile& profile, int fd) {
  const HeapProfile::Summary summary = profile.GetSummary();
  {
    Line line(fd);
    line << "hz3: " << Rounded(summary.live.bytes) << " bytes in " << Rounded(summary.live.objects)
         << " blocks were not freed";
    if (summary.interval > 1) {
      line << " (estimated from " << summary.samples << " samples, one every " << summary.interval
           << " bytes)";
    }
    line << "\n";
  }
  if (summary.lost > 0) {
    Line(fd) << "hz3: " << summary.lost << " more samples or stacks are missing: tables are full\n";
  }
  const void* const own = OwnLibrary();
  Rank last;
  for (unsigned i = 0; i < kMaxLeaks && NextSite(profile, &last); ++i) {
    PrintSite(profile, profile.SiteAt(last.site), own, fd);
  }
  if (NextSite(profile, &last)) Line(fd) << "  and others, each of fewer bytes\n";
}

}  // namespace hz3
