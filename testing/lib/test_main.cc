#include "testing/lib/test_main.h"

#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "gtest/gtest.h"
#include "testing/lib/allocator_under_test.h"

namespace hz3::testlib {
namespace {

std::vector<std::string>& MutableArguments() {
  static auto* arguments = new std::vector<std::string>();
  return *arguments;
}

[[noreturn]] void Refuse(const std::string& why) {
  std::fprintf(stderr, "test_main: %s\n", why.c_str());
  std::exit(2);
}

bool TakeFlag(std::vector<std::string>& arguments, std::string_view flag, std::string& value) {
  if (arguments.empty() || !arguments.front().starts_with(flag)) return false;
  value = arguments.front().substr(flag.size());
  arguments.erase(arguments.begin());
  return true;
}

void StartAgainUnder(const std::string& library, const std::vector<std::string>& rest) {
  char path[PATH_MAX];
  if (realpath(library.c_str(), path) == nullptr) Refuse("no such library: " + library);
  setenv("LD_PRELOAD", path, 1);
  std::string self = SelfPath();
  std::vector<std::string> copies = rest;
  std::vector<char*> argv = {self.data()};
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(self.c_str(), argv.data());
  Refuse("cannot start again under " + library);
}

void RequireAllocator(const std::string& wanted) {
  if (wanted == "hz3" && !OnHz3()) Refuse("this process does not run on hz3");
  if (wanted == "libc" && OnHz3()) Refuse("this process runs on hz3, not on the libc's malloc");
}

void RequireLane(const std::string& wanted) {
  const char* lane = Hz3Lane();
  if (lane == nullptr || wanted != lane) Refuse("this process does not run on lane " + wanted);
}

int Main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments.front() == "--child") {
    return ChildMain({arguments.begin() + 1, arguments.end()});
  }
  if (!arguments.empty() && arguments.front() == "--skip_under_sanitizer") {
    std::puts("SKIP: the sanitizer's runtime owns malloc here");
    return 0;
  }
  std::string value;
  if (TakeFlag(arguments, "--preload=", value)) StartAgainUnder(value, arguments);
  if (TakeFlag(arguments, "--allocator=", value)) RequireAllocator(value);
  if (TakeFlag(arguments, "--lane=", value)) RequireLane(value);
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool ours = argument.starts_with("--preload=") || argument.starts_with("--allocator=") ||
                      argument.starts_with("--lane=");
    if (!ours) MutableArguments().emplace_back(argument);
  }
  return RUN_ALL_TESTS();
}

}  // namespace

const std::vector<std::string>& TestArguments() { return MutableArguments(); }

std::string SelfPath() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0) Refuse("cannot read /proc/self/exe");
  return std::string(path, static_cast<std::size_t>(length));
}

}  // namespace hz3::testlib

int main(int argc, char** argv) { return hz3::testlib::Main(argc, argv); }
