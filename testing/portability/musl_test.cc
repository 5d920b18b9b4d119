// hz3 compiled against musl's headers and linked statically into a C program with musl-gcc: it
// needs no C++ runtime and nothing of glibc. Skips where musl-gcc is not installed.
//
// Arguments: musl_program.c, then hz3's sources and headers as Bazel laid them out for this test.

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMuslHeaders = "/usr/include/x86_64-linux-musl";

std::string Trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// What libstdc++'s headers, which were made for glibc, want of a C library.
constexpr const char* kShim = R"(
#include <pthread.h>
#include <time.h>
extern "C" int pthread_cond_clockwait(pthread_cond_t*, pthread_mutex_t*, clockid_t,
                                      const struct timespec*);
)";

class Musl : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {"musl-gcc", "g++"}) {
      if (!FindProgram(program)) GTEST_SKIP() << "SKIP: " << program << " is not installed";
    }
    if (!fs::exists(kMuslHeaders)) GTEST_SKIP() << "SKIP: no " << kMuslHeaders;
    ASSERT_GE(TestArguments().size(), 2u) << "name the program and the sources";
  }

  // The kernel's headers without those of glibc beside them.
  void LinkKernelHeaders() {
    const std::string folder = directory_.path() + "/kernel";
    fs::create_directory(folder);
    fs::create_symlink("/usr/include/linux", folder + "/linux");
    fs::create_symlink("/usr/include/asm-generic", folder + "/asm-generic");
    fs::create_symlink("/usr/include/x86_64-linux-gnu/asm", folder + "/asm");
  }

  static std::string Gcc(const std::string& question) {
    return Trimmed(RunProgram({"g++", question}).out);
  }

  std::vector<std::string> CompileCommand() {
    LinkKernelHeaders();
    const std::string version = Gcc("-dumpversion");
    std::vector<std::string> command = {"g++",
                                        "-std=c++20",
                                        "-O0",
                                        "-fno-exceptions",
                                        "-fno-rtti",
                                        "-fno-threadsafe-statics",
                                        "-fno-builtin-malloc",
                                        "-fno-builtin-calloc",
                                        "-fno-builtin-realloc",
                                        "-fno-builtin-free",
                                        "-nostdinc",
                                        "-D__GLIBC_PREREQ(a,b)=0",
                                        "-D__locale_t=locale_t",
                                        "-include",
                                        directory_.Write("shim.h", kShim)};
    for (const std::string& headers :
         {"/usr/include/c++/" + version, "/usr/include/x86_64-linux-gnu/c++/" + version,
          std::string(kMuslHeaders), Gcc("-print-file-name=include"),
          directory_.path() + "/kernel"}) {
      command.insert(command.end(), {"-isystem", headers});
    }
    command.insert(command.end(), {"-I.", "-c", "-o"});
    return command;
  }

  // The sources that make up the library.
  static std::vector<std::string> Parts() {
    std::vector<std::string> parts;
    for (const std::string& source : TestArguments()) {
      if (source.ends_with(".cc") && !source.ends_with("_test.cc") &&
          !source.ends_with("_fuzz.cc") && !source.ends_with("_benchmark.cc")) {
        parts.push_back(source);
      }
    }
    return parts;
  }

  std::string ObjectOf(std::string source) {
    std::replace(source.begin(), source.end(), '/', '_');
    return directory_.path() + "/" + source + ".o";
  }

  void CompileOne(std::vector<std::string> command, const std::string& source) {
    command.insert(command.end(), {ObjectOf(source), source});
    if (source.ends_with("new_delete.cc")) command.push_back("-fexceptions");
    const RunResult result = RunProgram(command, {.timeout = std::chrono::minutes(3)});
    EXPECT_TRUE(result.ok()) << source << ": " << result;
  }

  // The object files.
  std::vector<std::string> Compile() {
    const std::vector<std::string> command = CompileCommand();
    const std::vector<std::string> parts = Parts();
    std::atomic<size_t> next{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        for (size_t n = next++; n < parts.size(); n = next++) CompileOne(command, parts[n]);
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::vector<std::string> objects;
    for (const std::string& part : parts) objects.push_back(ObjectOf(part));
    return objects;
  }

  const TempDir directory_;
};

TEST_F(Musl, AStaticProgramNeedsNoCppRuntimeAndWorks) {
  const std::vector<std::string> objects = Compile();
  ASSERT_GT(objects.size(), 15u);
  ASSERT_FALSE(HasFailure());
  const std::string program = directory_.path() + "/program";
  std::vector<std::string> link = {"musl-gcc", "-static", "-O1",
                                   "-o",       program,   TestArguments().front()};
  link.insert(link.end(), objects.begin(), objects.end());
  const RunResult linked = RunProgram(link);
  ASSERT_TRUE(linked.ok()) << linked;
  // Several times: its threads make their first allocations while it forks, and how these meet is
  // never the same.
  for (int run = 0; run < 5; ++run) {
    const RunResult result = RunProgram({program}, {.timeout = std::chrono::minutes(1)});
    ASSERT_TRUE(result.ok()) << result;
    EXPECT_THAT(result.out, ::testing::StartsWith("hz3 "));
  }
}

}  // namespace
}  // namespace hz3::testlib
