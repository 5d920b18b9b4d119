// Runs a fuzz target without a fuzzer, with any compiler: on the files it is given (a corpus), then
// on random bytes. When the target aborts, a line says on which input.
//
// Arguments: [--random=N] [--seed=N] files...

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "testing/fuzz/fuzz_input.h"
#include "testing/lib/random.h"

namespace hz3::fuzz {
namespace {

constexpr uint64_t kDefaultRandom = 2000;
constexpr uint64_t kDefaultSeed = 1;
constexpr size_t kLongestRandom = 600;

// Text for the handler: what runs now.
char current[400];

void SayCurrent(int signal) {
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, "replay: died on ", 16);
  written = write(STDERR_FILENO, current, strlen(current));
  written = write(STDERR_FILENO, "\n", 1);
  raise(signal);  // SA_RESETHAND: this time it ends the process
}

void WatchDeath() {
  struct sigaction action = {};
  action.sa_handler = SayCurrent;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    sigaction(signal, &action, nullptr);
  }
}

void Run(const std::string& name, const std::vector<uint8_t>& bytes) {
  std::snprintf(current, sizeof(current), "%s", name.c_str());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

bool RunFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "replay: cannot read %s\n", path.c_str());
    return false;
  }
  Run(path, {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  return true;
}

void RunRandom(uint64_t count, uint64_t seed) {
  for (uint64_t i = 0; i < count; ++i) {
    testlib::Random random(seed + i);
    std::vector<uint8_t> bytes(random.Below(kLongestRandom));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
    Run("random bytes: repeat with --random=1 --seed=" + std::to_string(seed + i), bytes);
  }
}

int Main(const std::vector<std::string>& arguments) {
  uint64_t random = kDefaultRandom;
  uint64_t seed = kDefaultSeed;
  size_t files = 0;
  WatchDeath();
  for (const std::string& argument : arguments) {
    if (argument.starts_with("--random=")) {
      random = std::strtoull(argument.c_str() + 9, nullptr, 0);
    } else if (argument.starts_with("--seed=")) {
      seed = std::strtoull(argument.c_str() + 7, nullptr, 0);
    } else if (!RunFile(argument)) {
      return 2;
    } else {
      ++files;
    }
  }
  RunRandom(random, seed);
  std::printf("replay: %zu files and %llu random inputs are well\n", files,
              static_cast<unsigned long long>(random));
  return 0;
}

}  // namespace
}  // namespace hz3::fuzz

int main(int argc, char** argv) { return hz3::fuzz::Main({argv + 1, argv + argc}); }
