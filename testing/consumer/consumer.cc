#include "testing/consumer/consumer.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <system_error>

#include "bench/lib/runfiles.h"

namespace hz3::testlib {
namespace {

namespace fs = std::filesystem;

constexpr char kProject[] = "testing/consumer/workspace";
// Where the project's files say that this tree is.
constexpr std::string_view kTreeInProject = "\"../../..\"";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string BazelOnPath() {
  for (const char* name : {"bazel", "bazelisk"}) {
    if (const std::optional<std::string> path = FindProgram(name)) return *path;
  }
  return "";
}

std::string ModernBazel() {
  const std::string named = Environment("HZ3_MODERN_BAZEL");
  return named.empty() ? BazelOnPath() : named;
}

// Asks a Bazel that leaves no server behind.
BazelFeatures AskFeatures(const std::string& bazel) {
  if (bazel.empty()) return {};
  const TempDir directory;
  directory.Write("WORKSPACE", "");
  const RunResult help =
      RunProgram({bazel, "--nohome_rc", "--output_user_root=" + directory.path() + "/user",
                  "--batch", "help", "build", "--short"},
                 {.directory = directory.path(), .environment = {{"HOME", directory.path()}}});
  return help.ok() ? ParseFeatures(help.out) : BazelFeatures();
}

// The same for as long as this process runs; asking takes seconds.
const BazelFeatures& FeaturesOf(const std::string& bazel) {
  static auto* known = new std::map<std::string, BazelFeatures>();
  if (!known->contains(bazel)) (*known)[bazel] = AskFeatures(bazel);
  return known->at(bazel);
}

// What ./bazelw made for Debian's Bazel: the archives of the dependencies, and what Bazel 4 wants
// for any test.
std::string DebianRc(const std::string& tree) { return tree + "/.bazelw/debian.bazelrc"; }

}  // namespace

std::ostream& operator<<(std::ostream& stream, const ConsumerKind& kind) {
  return stream << kind.name;
}

std::string SourceTree() {
  const std::string file = bench::FindRunfile("", "MODULE.bazel");
  if (file.empty()) return "";
  std::error_code error;
  const fs::path tree = fs::canonical(file, error).parent_path();
  return !error && fs::exists(tree / "hz3/BUILD", error) ? tree.string() : "";
}

BazelFeatures ParseFeatures(std::string_view help) {
  const auto lists = [help](std::string_view option) {
    return help.find(option) != std::string_view::npos;
  };
  return {lists("--distdir"), lists("--[no]enable_bzlmod"), lists("--[no]enable_workspace")};
}

Consumer::Consumer(const ConsumerKind& kind)
    : tree_(SourceTree()),
      bazel_(kind.modern_bazel ? ModernBazel() : BazelOnPath()),
      features_(FeaturesOf(bazel_)),
      missing_(WhatIsMissing(kind)) {
  if (!missing_.empty()) return;
  CopyProject();
  WriteRc(kind);
}

Consumer::~Consumer() {
  if (missing_.empty()) Bazel({"shutdown"});
}

std::string Consumer::WhatIsMissing(const ConsumerKind& kind) const {
  if (tree_.empty()) return "the source tree is not on this machine";
  if (bazel_.empty()) return "no bazel or bazelisk on PATH";
  if (!features_.works) return bazel_ + " does not list its options";
  if (kind.modern_bazel && !features_.bzlmod) return "no Bazel 7 or later in HZ3_MODERN_BAZEL";
  return "";
}

void Consumer::CopyProject() const {
  fs::create_directory(Workspace());
  for (const auto& entry : fs::directory_iterator(tree_ + "/" + kProject)) {
    if (!entry.is_regular_file()) continue;
    std::string text = Contents(entry.path().string());
    const size_t at = text.find(kTreeInProject);
    if (at != std::string::npos) text.replace(at, kTreeInProject.size(), "\"" + tree_ + "\"");
    Write(entry.path().filename().string(), text);
  }
}

void Consumer::WriteRc(const ConsumerKind& kind) const {
  std::ofstream rc(Rc());
  rc << "common --color=no --curses=no --noshow_progress\n"
     << "build --jobs=2 --test_output=errors\n"
     // Flags that were there before cost nothing when they come back.
     << "build --disk_cache=" << directory_.path() << "/cache\n";
  if (features_.bzlmod) {
    rc << (kind.bzlmod ? "common --enable_bzlmod --lockfile_mode=off\n"
                       : "common --noenable_bzlmod\n");
  }
  if (features_.workspace_flag) {
    rc << (kind.bzlmod ? "common --noenable_workspace\n" : "common --enable_workspace\n");
  }
  // Where a registry and archives are, on a machine without a network.
  if (kind.modern_bazel) rc << "common " << Environment("HZ3_MODERN_BAZEL_FLAGS") << "\n";
}

std::vector<std::string> Consumer::StartupFlags() const {
  std::vector<std::string> flags = {
      "--nohome_rc",
      "--output_user_root=" + directory_.path() + "/user",
      "--output_base=" + OutputBase(),
      // A test that was killed leaves no server behind for long.
      "--max_idle_secs=120",
      "--host_jvm_args=-Xmx1g",
      // It does not live long enough for code of the better compiler.
      "--host_jvm_args=-XX:TieredStopAtLevel=1",
  };
  if (!features_.bzlmod && fs::exists(DebianRc(tree_))) {
    flags.push_back("--bazelrc=" + DebianRc(tree_));
  }
  flags.push_back("--bazelrc=" + Rc());
  return flags;
}

RunResult Consumer::Bazel(const std::vector<std::string>& args) const {
  std::vector<std::string> command = StartupFlags();
  command.insert(command.begin(), bazel_);
  command.insert(command.end(), args.begin(), args.end());
  return RunProgram(command, {.directory = Workspace(),
                              .environment = {{"HOME", directory_.path()}},
                              .timeout = std::chrono::minutes(10)});
}

RunResult Consumer::Built(const std::string& target) const {
  return RunProgram({Workspace() + "/bazel-bin/" + target});
}

void Consumer::Write(const std::string& file, std::string_view text) const {
  const fs::path path = fs::path(Workspace()) / file;
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

void Consumer::DeclareDevDependencies() const {
  Write("WORKSPACE", Contents(Workspace() + "/WORKSPACE") + R"(
load("@hakozuna//third_party:repositories.bzl", "hakozuna_dev_dependencies")

hakozuna_dev_dependencies()
)");
}

std::vector<std::string> Consumer::Fetched() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(OutputBase() + "/external")) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  return names;
}

}  // namespace hz3::testlib
