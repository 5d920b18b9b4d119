#include "bench/lib/machine.h"

#include <dlfcn.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

namespace hz3::bench {
namespace {

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown CPU";
}

int UsableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
}

}  // namespace

Machine ThisMachine() {
  Machine machine;
  machine.cpu_model = CpuModel();
  machine.cores = UsableCores();
  machine.memory_bytes =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  utsname names = {};
  uname(&names);
  machine.kernel = std::string(names.sysname) + " " + names.release;
  return machine;
}

std::string ToString(const Machine& machine) {
  constexpr uint64_t kGib = uint64_t{1} << 30;
  return machine.cpu_model + ", " + std::to_string(machine.cores) +
         (machine.cores == 1 ? " core, " : " cores, ") +
         std::to_string((machine.memory_bytes + kGib / 2) / kGib) + " GiB, " + machine.kernel;
}

std::string MallocProvider() {
  // dlsym and not &malloc: the latter may be this program's own PLT entry.
  Dl_info info = {};
  void* const symbol = dlsym(RTLD_DEFAULT, "malloc");
  if (symbol == nullptr || dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) {
    return "unknown";
  }
  const std::string path = info.dli_fname;
  return path.substr(path.rfind('/') + 1);
}

}  // namespace hz3::bench
