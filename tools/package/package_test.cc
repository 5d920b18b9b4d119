// The packages, installed into folders of their own and used as people use them.
// Arguments: none; the packages and what they were made of are in the runfiles.

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hz3/config/build_flags.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"
#include "testing/structure/shared_object.h"

namespace hz3 {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testlib::FindProgram;
using testlib::RunOptions;
using testlib::RunProgram;
using testlib::RunResult;
using testlib::TempDir;

using Words = std::vector<std::string>;

#if defined(__aarch64__)
constexpr char kMachine[] = "aarch64";
constexpr char kDebArchitecture[] = "arm64";
#else
constexpr char kMachine[] = "x86_64";
constexpr char kDebArchitecture[] = "amd64";
#endif
constexpr const char* kLanes[] = {"scale", "fast", "hardened"};

const std::string kFolder = "tools/package/";
const std::string kVersion = kBuildVersion;
const std::string kTarballFile =
    fs::absolute(kFolder + "hz3-" + kVersion + "-" + kMachine + "-linux.tar.gz");
const std::string kDebFile =
    fs::absolute(kFolder + "hz3_" + kVersion + "_" + kDebArchitecture + ".deb");

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Words LinesOf(const std::string& text) {
  Words lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Words SplitWords(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

Words Join(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// The source of a program that uses the package.
std::string Source(const std::string& name) { return fs::absolute(kFolder + "testing/" + name); }

std::string Shell(const std::string& path_or_text) { return "'" + path_or_text + "'"; }

#define SKIP_WITHOUT(program) \
  if (!FindProgram(program)) GTEST_SKIP() << "SKIP: there is no program " << (program)

#define SKIP_UNDER_SANITIZER()                     \
  if (std::string_view(kBuildSanitizer) != "none") \
  GTEST_SKIP() << "SKIP: under " << kBuildSanitizer << " the sanitizer owns malloc"

// -- the packages, installed ----------------------------------------------------------------------

enum class Format { kTarball, kDeb };

// Compilers that are installed.
Words Compilers(const Words& names) {
  Words found;
  std::copy_if(names.begin(), names.end(), std::back_inserter(found),
               [](const std::string& name) { return FindProgram(name).has_value(); });
  return found;
}

class InstalledTest : public ::testing::TestWithParam<Format> {
 protected:
  void SetUp() override {
    SKIP_UNDER_SANITIZER();
    if (GetParam() == Format::kTarball) {
      SKIP_WITHOUT("tar");
      SKIP_WITHOUT("gzip");
    } else {
      SKIP_WITHOUT("dpkg-deb");
    }
    Install();
  }

  // Into a folder with a name of its own, and then moved away from there.
  void Install() {
    const std::string first = Path("first");
    fs::create_directory(first);
    const RunResult result =
        GetParam() == Format::kTarball
            ? RunProgram({"tar", "-xzf", kTarballFile, "-C", first, "--strip-components=1"})
            : RunProgram({"dpkg-deb", "-x", kDebFile, first});
    ASSERT_TRUE(result.ok()) << result;
    fs::rename(first, Path("moved"));
  }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string Prefix() const {
    return GetParam() == Format::kTarball ? Path("moved") : Path("moved/usr");
  }
  std::string LibDir() const {
    return Prefix() + "/lib" +
           (GetParam() == Format::kTarball ? "" : "/" + std::string(kMachine) + "-linux-gnu");
  }
  std::string Library(const std::string& lane) const {
    return LibDir() + "/libhakozuna_hz3_" + lane + ".so." + kBuildSoversion;
  }
  std::string Command() const { return Prefix() + "/bin/hz3"; }

  // The words that pkg-config answers.
  Words PkgConfig(const Words& args) const {
    RunOptions options;
    options.environment = {{"PKG_CONFIG_PATH", LibDir() + "/pkgconfig"}};
    const RunResult result = RunProgram(Join({"pkg-config"}, args), options);
    EXPECT_TRUE(result.ok()) << result;
    return SplitWords(result.out);
  }

  // What the program says that `compiler` makes of the words.
  std::string CompileAndRun(const std::string& compiler, const Words& words) const {
    const std::string program = Path("program");
    const RunResult built =
        RunProgram(Join({compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", program}, words));
    EXPECT_TRUE(built.ok()) << compiler << ": " << built;
    if (!built.ok()) return "";
    const RunResult run = RunProgram({program});
    EXPECT_TRUE(run.ok()) << compiler << ": " << run;
    return run.out;
  }

  Words RunPath() const { return {"-Wl,-rpath," + LibDir()}; }

  TempDir folder_;
};

INSTANTIATE_TEST_SUITE_P(Packages, InstalledTest, ::testing::Values(Format::kTarball, Format::kDeb),
                         [](const auto& param) {
                           return param.param == Format::kTarball ? "tarball" : "deb";
                         });

std::string Expected(const std::string& lane) { return "hz3 " + kVersion + ", lane " + lane; }

// -- linking --------------------------------------------------------------------------------------

TEST_P(InstalledTest, PkgConfigKnowsTheVersion) {
  SKIP_WITHOUT("pkg-config");
  EXPECT_THAT(PkgConfig({"--modversion", "hz3"}), ::testing::ElementsAre(kVersion));
}

TEST_P(InstalledTest, PkgConfigLinksProgramsWithTheSharedLibrary) {
  SKIP_WITHOUT("pkg-config");
  const Words flags = Join(PkgConfig({"--cflags", "--libs", "hz3"}), RunPath());
  for (const std::string& compiler : Compilers({"gcc", "clang"})) {
    EXPECT_EQ(CompileAndRun(compiler, Join({Source("consumer.c")}, flags)),
              Expected("scale") + ", strdup on hz3\n");
    EXPECT_THAT(ReadSharedObject(Path("program")).needed,
                ::testing::Contains("libhakozuna_hz3_scale.so." + std::string(kBuildSoversion)));
  }
  for (const std::string& compiler : Compilers({"g++", "clang++"})) {
    EXPECT_EQ(CompileAndRun(compiler, Join({"-pthread", Source("consumer.cc")}, flags)),
              Expected("scale") + ", new on hz3, bad_alloc thrown\n");
  }
}

TEST_P(InstalledTest, ALinkerThatDropsWhatIsNotNeededKeepsIt) {
  SKIP_WITHOUT("pkg-config");
  const Words flags = Join(PkgConfig({"--cflags", "--libs", "hz3"}), RunPath());
  for (const std::string& compiler : Compilers({"gcc", "clang"})) {
    EXPECT_EQ(CompileAndRun(compiler, Join({Source("unaware.c"), "-Wl,--as-needed"}, flags)),
              "hz3 " + kVersion + ", strdup on hz3\n");
  }
}

TEST_P(InstalledTest, PkgConfigLinksProgramsStatically) {
  SKIP_WITHOUT("pkg-config");
  const Words flags = PkgConfig({"--static", "--cflags", "--libs", "hz3"});
  for (const std::string& compiler : Compilers({"gcc", "clang"})) {
    EXPECT_EQ(CompileAndRun(compiler, Join({"-static", Source("consumer.c")}, flags)),
              Expected("scale") + ", strdup on hz3\n");
  }
  for (const std::string& compiler : Compilers({"g++", "clang++"})) {
    EXPECT_EQ(CompileAndRun(compiler, Join({"-static", Source("consumer.cc")}, flags)),
              Expected("scale") + ", new on hz3, bad_alloc thrown\n");
  }
}

TEST_P(InstalledTest, LibrariesWithSymbolVersionsOfTheirOwnLinkWithIt) {
  SKIP_WITHOUT("pkg-config");
  const Words flags = Join(PkgConfig({"--cflags", "--libs", "hz3"}), RunPath());
  for (const std::string& compiler : Compilers({"gcc", "clang"})) {
    const std::string plugin = Path("libplugin.so");
    const RunResult built =
        RunProgram(Join({compiler, "-shared", "-fPIC", "-o", plugin, Source("plugin.c"),
                         "-Wl,--version-script=" + Source("plugin.lds")},
                        flags));
    ASSERT_TRUE(built.ok()) << built;
    EXPECT_EQ(CompileAndRun(compiler, {Source("plugin_user.c"), plugin,
                                       "-Wl,-rpath," + folder_.path() + ":" + LibDir(),
                                       "-Wl,-rpath-link," + LibDir()}),
              "hz3 " + kVersion + "\n");
  }
}

class CMakeTest : public InstalledTest {
 protected:
  RunResult Configure(const std::string& source, const Words& more = {}) const {
    return RunProgram(Join({"cmake", "-S", source, "-B", Path("build"),
                            "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_PREFIX_PATH=" + Prefix()},
                           more));
  }

  bool Takes(const std::string& wanted) const {
    fs::remove_all(Path("build"));
    // Without a compiler CMake does not know the machine's folder.
    const RunResult result =
        Configure(Source("version"),
                  {"-DHZ3_WANTED=" + wanted,
                   "-DCMAKE_LIBRARY_ARCHITECTURE=" + std::string(kMachine) + "-linux-gnu"});
    if (result.ok()) return true;
    EXPECT_THAT(result.err, HasSubstr("hz3Config.cmake, version: ")) << wanted;
    return false;
  }
};

INSTANTIATE_TEST_SUITE_P(Packages, CMakeTest, ::testing::Values(Format::kTarball, Format::kDeb),
                         [](const auto& param) {
                           return param.param == Format::kTarball ? "tarball" : "deb";
                         });

TEST_P(CMakeTest, FindsEveryTargetAndProgramsRunOnIt) {
  SKIP_WITHOUT("cmake");
  const RunResult configured = Configure(Source(""));
  ASSERT_TRUE(configured.ok()) << configured;
  const RunResult built = RunProgram({"cmake", "--build", Path("build")});
  ASSERT_TRUE(built.ok()) << built;
  const auto said = [&](const std::string& program) {
    return RunProgram({Path("build/") + program}).out;
  };
  // A hardened library is of the lane scale.
  for (const auto& [kind, lane] : std::vector<std::pair<std::string, std::string>>{
           {"scale", "scale"}, {"fast", "fast"}, {"hardened", "scale"}, {"static", "scale"}}) {
    EXPECT_EQ(said("c_" + kind), Expected(lane) + ", strdup on hz3\n") << kind;
    EXPECT_EQ(said("cxx_" + kind), Expected(lane) + ", new on hz3, bad_alloc thrown\n") << kind;
  }
  EXPECT_EQ(said("unaware"), "hz3 " + kVersion + ", strdup on hz3\n");
  EXPECT_EQ(said("plugin_user"), "hz3 " + kVersion + "\n");
}

TEST_P(CMakeTest, TakesNoOtherSeriesOfVersionsForThisOne) {
  SKIP_WITHOUT("cmake");
  const std::string series = kVersion.substr(0, kVersion.rfind('.'));
  for (const std::string& wanted : {std::string(), series, kVersion}) {
    EXPECT_TRUE(Takes(wanted)) << wanted;
  }
  for (const std::string& wanted : {series + ".999", series + "9", std::string("99")}) {
    EXPECT_FALSE(Takes(wanted)) << wanted;
  }
}

// -- without linking ------------------------------------------------------------------------------

TEST_P(InstalledTest, EachLibraryCanBePreloadedByItsPath) {
  const Words compilers = Compilers({"gcc", "clang"});
  if (compilers.empty()) GTEST_SKIP() << "SKIP: there is no program gcc or clang";
  const RunResult built = RunProgram({compilers[0], "-o", Path("program"), Source("unaware.c")});
  ASSERT_TRUE(built.ok()) << built;
  EXPECT_EQ(RunProgram({Path("program")}).out, "no hz3\n");
  for (const char* lane : kLanes) {
    RunOptions options;
    options.environment = {{"LD_PRELOAD", Library(lane)}};
    const RunResult nothing = RunProgram({"/bin/true"}, options);
    EXPECT_TRUE(nothing.ok()) << nothing;
    EXPECT_THAT(nothing.err, IsEmpty()) << "the loader complains";
    EXPECT_EQ(RunProgram({Path("program")}, options).out, "hz3 " + kVersion + ", strdup on hz3\n");
  }
}

TEST_P(InstalledTest, ALinkedProgramMayRunOnAnotherLane) {
  SKIP_WITHOUT("pkg-config");
  SKIP_WITHOUT("gcc");
  const Words flags = Join(PkgConfig({"--cflags", "--libs", "hz3"}), RunPath());
  CompileAndRun("gcc", Join({Source("consumer.c")}, flags));
  RunOptions options;
  options.environment = {{"LD_PRELOAD", Library("fast")}};
  EXPECT_EQ(RunProgram({Path("program")}, options).out, Expected("fast") + ", strdup on hz3\n");
}

TEST_P(InstalledTest, TheCommandRunsProgramsOnTheLibrariesBesideIt) {
  for (const char* lane : kLanes) {
    const RunResult result = RunProgram({Command(), "run", "--lane", lane, "--", "sh", "-c",
                                         "echo $LD_PRELOAD; cat /proc/self/maps"});
    EXPECT_TRUE(result.ok()) << result;
    const std::string library = fs::canonical(Library(lane));
    EXPECT_THAT(result.out, StartsWith(fs::canonical(LibDir()).string())) << lane;
    EXPECT_THAT(result.out, HasSubstr(library)) << lane;
  }
  const RunResult with_stats = RunProgram({Command(), "run", "--stats", "--", "true"});
  EXPECT_TRUE(with_stats.ok()) << with_stats;
  EXPECT_THAT(with_stats.err, HasSubstr("peak committed"));
}

TEST_P(InstalledTest, TheCommandSaysItsVersionAndHowItIsUsed) {
  EXPECT_EQ(RunProgram({Command(), "--version"}).out, "hz3 " + kVersion + "\n");
  const RunResult help = RunProgram({Command(), "--help"});
  EXPECT_TRUE(help.ok());
  EXPECT_THAT(help.out, StartsWith("usage: hz3"));
}

// -- files ----------------------------------------------------------------------------------------

// The symbols of hz3/exports.txt.
std::set<std::string> Listed() {
  std::set<std::string> symbols;
  for (const std::string& line : LinesOf(Contents("hz3/exports.txt"))) {
    if (!line.empty() && line[0] != '#') symbols.insert(line);
  }
  return symbols;
}

TEST_P(InstalledTest, SharedLibrariesHaveNumbersAndAllTheirSymbols) {
  for (const char* lane : kLanes) {
    const std::string name = std::string("libhakozuna_hz3_") + lane + ".so";
    EXPECT_EQ(fs::canonical(LibDir() + "/" + name).filename(), name + "." + kVersion);
    const SharedObject object = ReadSharedObject(LibDir() + "/" + name);
    EXPECT_EQ(object.soname, name + "." + kBuildSoversion);
    EXPECT_EQ(fs::canonical(LibDir() + "/" + object.soname), fs::canonical(LibDir() + "/" + name));
    EXPECT_EQ(object.exports, Listed());
    EXPECT_FALSE(object.has_text_relocations);
    EXPECT_FALSE(object.has_executable_stack);
  }
}

TEST_P(InstalledTest, ReadelfSeesNoTextRelocationsAndNoExecutableStack) {
  SKIP_WITHOUT("readelf");
  for (const char* lane : kLanes) {
    const RunResult result =
        RunProgram({"readelf", "--dynamic", "--segments", "-W", Library(lane)});
    ASSERT_TRUE(result.ok()) << result;
    EXPECT_THAT(result.out, Not(HasSubstr("TEXTREL")));
    EXPECT_TRUE(std::regex_search(result.out, std::regex("GNU_STACK .* RW +0x"))) << result.out;
  }
}

TEST_P(InstalledTest, TheStaticLibraryShowsTheSameSymbolsAndNoOthers) {
  SKIP_WITHOUT("nm");
  const RunResult result =
      RunProgram({"nm", "--extern-only", "--defined-only", LibDir() + "/libhakozuna_hz3.a"});
  ASSERT_TRUE(result.ok()) << result;
  std::set<std::string> symbols;
  for (const std::string& line : LinesOf(result.out)) {
    const Words words = SplitWords(line);
    if (words.size() == 3) symbols.insert(words[2]);
  }
  EXPECT_EQ(symbols, Listed());
}

TEST_P(InstalledTest, TheCommandNeedsNothingButTheCLibrary) {
  for (const std::string& library : ReadSharedObject(Command()).needed) {
    EXPECT_TRUE(std::regex_match(library, std::regex(R"((libc|libm|ld-linux-[a-z0-9-]+)\.so\.\d)")))
        << library;
  }
}

TEST_P(InstalledTest, NoFileNamesAFolderOfTheBuild) {
  for (const auto& entry : fs::recursive_directory_iterator(Path("moved"))) {
    if (!entry.is_regular_file()) continue;
    const std::string content = Contents(entry.path());
    for (const char* trace : {"bazel-out/", "/execroot/", "@VERSION@"}) {
      EXPECT_EQ(content.find(trace), std::string::npos) << entry.path() << " holds " << trace;
    }
  }
}

TEST_P(InstalledTest, ThereIsALicenceAChangelogAndTheHeader) {
  for (const char* file : {"share/doc/hz3/copyright", "share/doc/hz3/changelog.gz",
                           "include/hz3/malloc_extension.h", "include/hz3/memory_resource.h"}) {
    EXPECT_TRUE(fs::exists(Prefix() + "/" + file)) << file;
  }
}

// -- manual ---------------------------------------------------------------------------------------

// The manual page as text, with what `man` warns of as failures.
std::string Manual(const std::string& path) {
  RunOptions options;
  options.environment = {{"LC_ALL", "C.UTF-8"}, {"MANWIDTH", "100"}, {"MAN_KEEP_FORMATTING", ""}};
  const RunResult result = RunProgram({"man", "--warnings", "--local-file", path}, options);
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_THAT(result.err, IsEmpty()) << path;
  return result.out;
}

TEST_P(InstalledTest, TheManualKnowsEveryCommandAndFlag) {
  SKIP_WITHOUT("man");
  const std::string manual = Manual(Prefix() + "/share/man/man1/hz3.1.gz");
  const std::string overview = RunProgram({Command(), "--help"}).out;
  const std::regex command("  hz3 ([a-z]+) ");
  int commands = 0;
  for (std::sregex_iterator it(overview.begin(), overview.end(), command), end; it != end; ++it) {
    ++commands;
    EXPECT_THAT(manual, HasSubstr("hz3 " + it->str(1))) << "of tools/package/hz3.1.in";
    const std::string help = RunProgram({Command(), it->str(1), "--help"}).out;
    const std::regex flag("\n  (--[a-z_]+)");
    for (std::sregex_iterator f(help.begin(), help.end(), flag); f != end; ++f) {
      EXPECT_THAT(manual, HasSubstr(f->str(1))) << "of tools/package/hz3.1.in";
    }
  }
  EXPECT_GE(commands, 5);
}

TEST_P(InstalledTest, TheManualKnowsEveryVariable) {
  SKIP_WITHOUT("man");
  const std::string manual = Manual(Prefix() + "/share/man/man1/hz3.1.gz");
  const std::string page = Contents(Prefix() + "/share/doc/hz3/switches.md");
  const std::regex variable(R"(\| `(HZ3_\w+)` \|)");
  int variables = 0;
  for (std::sregex_iterator it(page.begin(), page.end(), variable), end; it != end; ++it) {
    ++variables;
    EXPECT_THAT(manual, HasSubstr(it->str(1))) << "of tools/package/hz3.1.in";
  }
  EXPECT_GE(variables, 5);
}

TEST_P(InstalledTest, TheManualKnowsEveryFunction) {
  SKIP_WITHOUT("man");
  const std::string manual = Manual(Prefix() + "/share/man/man3/hz3_malloc_extension.3.gz");
  const std::string header = Contents(Prefix() + "/include/hz3/malloc_extension.h");
  const std::regex function(R"(\bhz3_\w+\()");
  int functions = 0;
  for (std::sregex_iterator it(header.begin(), header.end(), function), end; it != end; ++it) {
    ++functions;
    EXPECT_THAT(manual, HasSubstr(it->str())) << "of tools/package/describe_header.py";
  }
  EXPECT_GE(functions, 15);
}

// -- the packages as files ------------------------------------------------------------------------

class PackageTest : public ::testing::Test {
 protected:
  void SetUp() override { SKIP_UNDER_SANITIZER(); }
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  TempDir folder_;
};

// Lines of a tar's listing: mode, owner, size, date, time, path.
void ExpectTidy(const Words& lines) {
  ASSERT_GT(lines.size(), 20u);
  std::set<std::string> times;
  Words paths;
  for (const std::string& line : lines) {
    const Words words = SplitWords(line);
    ASSERT_GE(words.size(), 6u) << line;
    EXPECT_EQ(words[1], "0/0") << line;
    EXPECT_THAT(words[0], ::testing::AnyOf("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"))
        << line;
    times.insert(words[3] + " " + words[4]);
    paths.push_back(words[5].substr(0, words[5].find_last_not_of('/') + 1));
  }
  EXPECT_EQ(times.size(), 1u);
  EXPECT_TRUE(std::is_sorted(paths.begin(), paths.end()));
}

const Words kList = {"tar", "--list", "--verbose", "--numeric-owner", "--full-time", "--utc"};

TEST_F(PackageTest, TarballsAreSortedAndOwnedByRootAndOfOneTime) {
  SKIP_WITHOUT("tar");
  const RunResult result = RunProgram(Join(kList, {"--gzip", "--file", kTarballFile}));
  ASSERT_TRUE(result.ok()) << result;
  ExpectTidy(LinesOf(result.out));
}

TEST_F(PackageTest, DebianPackagesAreSortedAndOwnedByRootAndOfOneTime) {
  SKIP_WITHOUT("dpkg-deb");
  const std::string tar = Path("data.tar");
  const RunResult extracted =
      RunProgram({"sh", "-c", "dpkg-deb --fsys-tarfile " + Shell(kDebFile) + " > " + Shell(tar)});
  ASSERT_TRUE(extracted.ok()) << extracted;
  const RunResult result = RunProgram(Join(kList, {"--file", tar}));
  ASSERT_TRUE(result.ok()) << result;
  ExpectTidy(LinesOf(result.out));
}

TEST_F(PackageTest, PackingOnceMoreGivesTheSameBytes) {
  SKIP_WITHOUT("python3");
  const std::vector<std::pair<std::string, std::string>> packages = {
      {"tarball.runfiles.json", kTarballFile},
      {"deb_" + std::string(kMachine) + ".runfiles.json", kDebFile}};
  for (const auto& [manifest, package] : packages) {
    RunOptions options;
    options.environment = {{"TZ", "Asia/Tokyo"}, {"LC_ALL", "C"}, {"PYTHONHASHSEED", "7"}};
    const RunResult result =
        RunProgram({"sh", "-c",
                    "umask 077; exec python3 tools/package/make_package.py " +
                        Shell(kFolder + manifest) + " " + Shell(Path("again"))},
                   options);
    ASSERT_TRUE(result.ok()) << result;
    EXPECT_TRUE(Contents(Path("again")) == Contents(package)) << package << " differs";
  }
}

TEST_F(PackageTest, ThePackerRefusesMistakesInOneLine) {
  SKIP_WITHOUT("python3");
  const std::string changelog = folder_.Write("changelog", "hz3 (1) x; urgency=low\n");
  const std::string no_date = folder_.Write(
      "no_date.json",
      R"({"format": "deb", "files": [], "values": {}, "changelog": ")" + changelog + R"("})");
  const std::string no_json = folder_.Write("no_json.json", "{");
  for (const std::string& manifest : {no_date, no_json, Path("nowhere.json")}) {
    const RunResult result =
        RunProgram({"python3", "tools/package/make_package.py", manifest, Path("out")});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, StartsWith("make_package.py: "));
    EXPECT_EQ(LinesOf(result.err).size(), 1u) << result.err;
    EXPECT_FALSE(fs::exists(Path("out")));
  }
}

TEST_F(PackageTest, OneVersionHoldsEverywhere) {
  EXPECT_THAT(Contents("MODULE.bazel"), HasSubstr("\n    version = \"" + kVersion + "\""))
      << "MODULE.bazel and version.bzl differ";
  EXPECT_THAT(Contents(kFolder + "changelog"), StartsWith("hz3 (" + kVersion + ")"))
      << "tools/package/changelog and version.bzl differ";
}

TEST_F(PackageTest, TarballsHoldTheTextOfTheLicence) {
  SKIP_WITHOUT("tar");
  const RunResult result = RunProgram({"tar", "-xzOf", kTarballFile, "--wildcards", "*/LICENSE"});
  ASSERT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.out, Contents("LICENSE"));
}

TEST_F(PackageTest, DebianPackagesSayWhatTheyAre) {
  SKIP_WITHOUT("dpkg-deb");
  const auto field = [](const std::string& name) {
    const std::string value = RunProgram({"dpkg-deb", "--field", kDebFile, name}).out;
    return value.substr(0, value.find('\n'));
  };
  EXPECT_EQ(field("Package"), "hz3");
  EXPECT_EQ(field("Version"), kVersion);
  EXPECT_EQ(field("Architecture"), kDebArchitecture);
  EXPECT_TRUE(std::regex_match(field("Depends"), std::regex(R"(libc6 \(>= 2\.\d+\))")))
      << field("Depends");
  EXPECT_GT(std::stoi("0" + field("Installed-Size")), 1000);
}

TEST_F(PackageTest, DebianPackagesHoldTheSumsOfTheirFiles) {
  SKIP_WITHOUT("dpkg-deb");
  SKIP_WITHOUT("md5sum");
  ASSERT_TRUE(RunProgram({"dpkg-deb", "-R", kDebFile, Path("root")}).ok());
  RunOptions options;
  options.directory = Path("root");
  const RunResult result = RunProgram({"md5sum", "--check", "--strict", "DEBIAN/md5sums"}, options);
  EXPECT_TRUE(result.ok()) << result;
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(Path("root/usr"))) {
    files += entry.is_regular_file() && !entry.is_symlink() ? 1 : 0;
  }
  EXPECT_EQ(LinesOf(result.out).size(), files);
}

TEST_F(PackageTest, DpkgInstallsVerifiesAndRemovesIt) {
  SKIP_WITHOUT("dpkg");
  if (geteuid() != 0) GTEST_SKIP() << "SKIP: dpkg installs for root only";
  const std::string admin = Path("root/var/lib/dpkg");
  fs::create_directories(admin + "/updates");
  fs::create_directories(admin + "/info");
  std::ofstream(admin + "/status").close();
  RunOptions options;
  // For ldconfig.
  options.environment = {{"PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"}};
  const auto dpkg = [&](const Words& words) {
    // libc6 is not in there.
    return RunProgram(Join({"dpkg", "--root=" + Path("root"), "--force-depends"}, words), options);
  };
  const RunResult installed = dpkg({"--install", kDebFile});
  ASSERT_TRUE(installed.ok()) << installed;
  EXPECT_TRUE(RunProgram({Path("root/usr/bin/hz3"), "run", "true"}).ok());
  const RunResult verified = dpkg({"--verify", "hz3"});
  EXPECT_TRUE(verified.ok()) << verified;
  EXPECT_THAT(verified.out, IsEmpty());
  const RunResult removed = dpkg({"--purge", "hz3"});
  EXPECT_TRUE(removed.ok()) << removed;
  EXPECT_FALSE(fs::exists(Path("root/usr/bin/hz3")));
  EXPECT_FALSE(fs::exists(Path("root/usr/share/doc/hz3")));
}

TEST_F(PackageTest, LintianFindsNoErrors) {
  SKIP_WITHOUT("lintian");
  const RunResult result =
      RunProgram({"lintian", "--allow-root", "--fail-on=error", "--tag-display-limit=0", kDebFile});
  EXPECT_TRUE(result.ok()) << result;
}

}  // namespace
}  // namespace hz3
