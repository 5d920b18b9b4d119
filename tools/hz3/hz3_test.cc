// The hz3 command from end to end, as a person types it.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/sanitizers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hz3/config/build_flags.h"
#include "nlohmann/json.hpp"
#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"
#include "tools/hz3/pprof_reader.h"
#include "tools/hz3/recording.h"

namespace hz3::tool {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testlib::BackgroundProcess;
using testlib::RunProgram;
using testlib::RunResult;
using testlib::TempDir;

std::string Runfile(const std::string& path) { return bench::FindRunfile("", path); }

RunResult Hz3(std::vector<std::string> args) {
  args.insert(args.begin(), Runfile("tools/hz3/hz3"));
  return RunProgram(args);
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Runs the command again until it succeeds: a process needs a moment to be what it will be.
RunResult EventuallyOk(const std::vector<std::string>& args) {
  RunResult result = Hz3(args);
  for (int i = 0; i < 200 && !result.ok(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
    result = Hz3(args);
  }
  return result;
}

size_t Count(const std::string& text, const std::string& word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

bool IsOneLine(const std::string& text) { return Count(text, "\n") == 1 && text.ends_with('\n'); }

class Hz3Test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (bench::kSanitizerOwnsMalloc) GTEST_SKIP() << "SKIP: the sanitizer owns malloc";
  }
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  TempDir folder_;
};

// -- run ------------------------------------------------------------------------------------------

using RunTest = Hz3Test;

TEST_F(RunTest, EndsAsTheProgramDoesWithAndWithoutStatistics) {
  for (const char* stats : {"--stats", "--nostats"}) {
    SCOPED_TRACE(stats);
    EXPECT_EQ(Hz3({"run", stats, "true"}).exit_code, 0);
    EXPECT_EQ(Hz3({"run", stats, "--", "sh", "-c", "exit 7"}).exit_code, 7);
    EXPECT_EQ(Hz3({"run", stats, "--", "sh", "-c", "kill -TERM $$"}).signal, SIGTERM);
    EXPECT_EQ(Hz3({"run", stats, "/nowhere/program"}).exit_code, 127);
    EXPECT_EQ(Hz3({"run", stats, "/"}).exit_code, 126);
  }
}

TEST_F(RunTest, TheProgramRunsOnTheLaneThatWasAskedFor) {
  for (const char* lane : {"scale", "fast", "hardened"}) {
    const RunResult result = Hz3({"run", "--lane", lane, "--", "sh", "-c", "echo $LD_PRELOAD"});
    EXPECT_THAT(result.out, EndsWith(absl::StrCat("libhakozuna_hz3_", lane, ".so\n")));
  }
}

TEST_F(RunTest, StatisticsSayWhatAPersonWantsToKnow) {
  const RunResult result = Hz3({"run", "--stats", "--", "sort", "/proc/self/maps"});
  EXPECT_TRUE(result.ok()) << result;
  for (const char* words :
       {"sort /proc/self/maps: exit 0", "peak live", "peak resident", "fragmentation by level",
        "top size classes", "slow paths", "pressure"}) {
    EXPECT_THAT(result.err, HasSubstr(words));
  }
  EXPECT_THAT(result.out, Not(HasSubstr("hz3:"))) << "the program's output stays its own";
}

TEST_F(RunTest, JsonHoldsTheSameForMachines) {
  const RunResult result = Hz3({"run", "--json", Path("f.json"), "--", "sort", "/proc/self/maps"});
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_THAT(result.err, IsEmpty());
  const Json json = Json::parse(ReadText(Path("f.json")), nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_EQ(json["exit_code"], 0);
  EXPECT_GT(json["stats"]["peak_used_bytes"], 0);
  EXPECT_FALSE(json["stats"]["classes"].empty());
  EXPECT_GT(json["peak_rss_bytes"], 0);
}

TEST_F(RunTest, ProcessesThatAreForkedAndExecutedLeaveTheirFiguresToo) {
  const RunResult result =
      Hz3({"run", "--stats", "--json", Path("f.json"), "--", "sh", "-c",
           "for i in 1 2 3 4 5 6 7 8 9 10; do sort /dev/null; (sort /dev/null); done; exit 3"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("20 more processes left figures"));
  EXPECT_EQ(Json::parse(ReadText(Path("f.json")))["other_processes"].size(), 20u);
}

TEST_F(RunTest, AProgramThatCrashesIsReportedWithoutFigures) {
  const RunResult result = Hz3({"run", "--stats", "--", "sh", "-c", "kill -SEGV $$"});
  EXPECT_EQ(result.signal, SIGSEGV);
  EXPECT_THAT(result.err, AllOf(HasSubstr("signal 11"), HasSubstr("left no figures")));
}

TEST_F(RunTest, PassesTerminationOnToTheProgram) {
  BackgroundProcess run(
      {Runfile("tools/hz3/hz3"), "run", "--stats", "--", "sh", "-c",
       "trap 'exit 9' TERM; touch " + Path("ready") + "; while :; do sleep 0.02; done"},
      {});
  while (access(Path("ready").c_str(), F_OK) != 0) usleep(10'000);
  // The forwarder stands soon after the start of the program.
  for (int i = 0; i < 5; ++i) {
    usleep(50'000);
    kill(run.pid(), SIGTERM);
  }
  EXPECT_EQ(run.Wait().exit_code, 9) << run.Wait();
}

TEST_F(RunTest, RefusesMistakesInOneLine) {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"run"},
                                             {"run", "--lane=other", "true"},
                                             {"run", "--library=/nowhere.so", "true"},
                                             {"run", "--html=x", "true"},
                                             {"run", "--profile_interval=-1", "true"},
                                             {"run", "--json"},
                                             {"nonsense"}}) {
    const RunResult result = Hz3(args);
    EXPECT_THAT(result.exit_code, ::testing::AnyOf(1, 2)) << result;
    EXPECT_TRUE(IsOneLine(result.err)) << result.err;
    EXPECT_THAT(result.err, StartsWith("hz3"));
  }
}

TEST_F(RunTest, AJsonFileThatCannotBeWrittenDoesNotChangeHowTheProgramEnded) {
  const RunResult result = Hz3({"run", "--json=/nowhere/f.json", "--", "sh", "-c", "exit 4"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("cannot write /nowhere/f.json"));
}

TEST_F(RunTest, AHeapProfileOfTheProgramIsWrittenAndReported) {
  const RunResult run = Hz3({"run", "--heap_profile", Path("p.pb.gz"), "--profile_interval=65536",
                             "--", Runfile("tools/hz3/testing/busy"), "200"});
  ASSERT_TRUE(run.ok()) << run;
  const auto profile = ParsePprof(ReadText(Path("p.pb.gz")));
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->period, 65536);
  EXPECT_GT(profile->samples.size(), 0u);
  const RunResult report = Hz3({"report", "-o", Path("r.html"), Path("p.pb.gz")});
  ASSERT_TRUE(report.ok()) << report;
  EXPECT_THAT(ReadText(Path("r.html")), HasSubstr("\"stranded_space\""));
}

TEST_F(RunTest, TheProfileIsThatOfTheProgramItselfNotOfThoseThatItStarts) {
  const RunResult run = Hz3({"run", "--heap_profile", Path("p.pb.gz"), "--profile_interval=1", "--",
                             "xargs", "sort", "/dev/null"});
  ASSERT_TRUE(run.ok()) << run;
  const auto profile = ParsePprof(ReadText(Path("p.pb.gz")));
  ASSERT_TRUE(profile.ok()) << profile.status();
  for (const auto& [id, mapping] : profile->mappings) {
    EXPECT_THAT(mapping.file, Not(EndsWith("/sort")));
  }
}

TEST_F(RunTest, AProgramThatLeavesNoProfileIsTold) {
  const RunResult run =
      Hz3({"run", "--heap_profile", Path("p.pb.gz"), "--", "sh", "-c", "kill -KILL $$"});
  EXPECT_EQ(run.signal, SIGKILL);
  EXPECT_THAT(run.err, HasSubstr("left no heap profile"));
}

TEST_F(RunTest, TheLeakReportSaysWhatWasNotFreed) {
  const RunResult run = Hz3({"run", "--leak_report", "--", "sort", "/dev/null"});
  ASSERT_TRUE(run.ok()) << run;
  EXPECT_THAT(run.err, HasSubstr(" blocks were not freed\n"));
  EXPECT_THAT(run.err, HasSubstr(" blocks, allocated by\n    0x"));
}

TEST_F(RunTest, AProfileThatIsBrokenIsRefusedInOneLine) {
  std::ofstream(Path("p.pb.gz")) << "\x1f\x8b\x08 and no more";
  const RunResult report = Hz3({"report", "-o", Path("r.html"), Path("p.pb.gz")});
  EXPECT_NE(report.exit_code, 0);
  EXPECT_TRUE(IsOneLine(report.err)) << report.err;
  EXPECT_THAT(report.err, HasSubstr("p.pb.gz: not a heap profile"));
}

// -- map and top ----------------------------------------------------------------------------------

class LiveTest : public Hz3Test {
 protected:
  void SetUp() override {
    Hz3Test::SetUp();
    if (IsSkipped()) return;
    const RunResult self = Hz3({"map", std::to_string(getppid())});
    if (self.err.find("no permission") != std::string::npos && geteuid() != 0) {
      GTEST_SKIP() << "SKIP: this machine lets nobody read another process";
    }
  }
  BackgroundProcess known_{{Runfile("tools/hz3/testing/known_heap_main")}, {}};
  const std::string pid_ = std::to_string(known_.pid());
};

TEST_F(LiveTest, TheMapShowsEveryKindOfPage) {
  const RunResult map = EventuallyOk({"map", "--color=never", "--tiles=0", pid_});
  ASSERT_TRUE(map.ok()) << map;
  const std::string drawn = map.out.substr(map.out.find("0x"));
  for (const char* letter : {"2", "mmmmmm", "LLLL", ":::::", "@@@@@", "....."}) {
    EXPECT_THAT(drawn, HasSubstr(letter)) << drawn;
  }
  EXPECT_THAT(map.out, HasSubstr("in 3 segments"));
}

TEST_F(LiveTest, TheMapAsAPageHoldsTheSame) {
  const RunResult map = EventuallyOk({"map", "--html", Path("map.html"), pid_});
  ASSERT_TRUE(map.ok()) << map;
  EXPECT_THAT(
      ReadText(Path("map.html")),
      AllOf(HasSubstr("<!DOCTYPE html>"), HasSubstr("known_heap_main"), HasSubstr("\"tiles\"")));
}

TEST_F(LiveTest, ColoursAreForTerminalsOrOnDemand) {
  ASSERT_TRUE(EventuallyOk({"map", pid_}).ok());
  EXPECT_THAT(Hz3({"map", pid_}).out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(Hz3({"map", "--color=always", pid_}).out, HasSubstr("\x1b[38;2;"));
  EXPECT_EQ(Hz3({"map", "--color=loud", pid_}).exit_code, 2);
}

TEST_F(LiveTest, TheProcessIsNeverStopped) {
  ASSERT_TRUE(EventuallyOk({"map", pid_}).ok());
  int status;
  EXPECT_EQ(waitpid(known_.pid(), &status, WNOHANG | WUNTRACED), 0);
}

TEST_F(LiveTest, TopPrintsOneFrameForEachIteration) {
  ASSERT_TRUE(EventuallyOk({"map", pid_}).ok());
  const RunResult top = Hz3({"top", "--iterations=3", "--interval_ms=20", pid_});
  ASSERT_TRUE(top.ok()) << top;
  EXPECT_EQ(Count(top.out, "known_heap_main (process "), 3u);
  EXPECT_EQ(Count(top.out, "a second:"), 2u) << "the first frame has no rates";
  EXPECT_THAT(top.out, Not(HasSubstr("\x1b"))) << "it is no terminal";
}

TEST_F(LiveTest, TopEndsWellWhenTheProcessDoes) {
  ASSERT_TRUE(EventuallyOk({"map", pid_}).ok());
  std::thread killer([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    kill(known_.pid(), SIGKILL);
    known_.Wait();
  });
  EXPECT_TRUE(Hz3({"top", "--interval_ms=20", pid_}).ok());
  killer.join();
}

TEST_F(LiveTest, AProgramThatHz3IsLinkedIntoIsFoundToo) {
  BackgroundProcess linked({Runfile("tools/hz3/testing/linked_sleeper")}, {});
  const RunResult map = EventuallyOk({"map", std::to_string(linked.pid())});
  EXPECT_THAT(map.out, HasSubstr("linked_sleeper (process ")) << map;
}

TEST_F(LiveTest, AProgramUnderHz3IsFoundAndCanBeWatchedWhileItWorks) {
  BackgroundProcess busy({Runfile("tools/hz3/hz3"), "run", "--", Runfile("tools/hz3/testing/busy")},
                         {});
  ASSERT_TRUE(EventuallyOk({"map", std::to_string(busy.pid())}).ok());
  // Whatever is seen in the middle of its changes, it is a map.
  for (int i = 0; i < 20; ++i) {
    const RunResult map = Hz3({"map", "--tiles=0", std::to_string(busy.pid())});
    ASSERT_TRUE(map.ok()) << map;
  }
}

TEST_F(Hz3Test, AProcessThatCannotBeLookedIntoIsNamedInOneLine) {
  BackgroundProcess plain({"sleep", "60"}, {});
  for (const char* command : {"map", "top"}) {
    RunResult result = Hz3({command, std::to_string(plain.pid())});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(IsOneLine(result.err)) << result.err;
    EXPECT_THAT(result.err, HasSubstr("does not run hz3"));
    result = Hz3({command, "999999999"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("there is no process 999999999"));
    EXPECT_EQ(Hz3({command}).exit_code, 2);
    EXPECT_EQ(Hz3({command, "one"}).exit_code, 2);
  }
}

TEST_F(Hz3Test, WithoutPermissionTheMessageSaysWhatItTakes) {
  if (geteuid() != 0 || !testlib::FindProgram("setpriv")) {
    GTEST_SKIP() << "SKIP: needs root and setpriv to become somebody else";
  }
  BackgroundProcess plain({"sleep", "60"}, {});
  // Nobody may not read the runfiles either: a copy for all.
  const std::string copy = Path("hz3");
  ASSERT_TRUE(RunProgram({"cp", "-L", Runfile("tools/hz3/hz3"), copy}).ok());
  ASSERT_TRUE(RunProgram({"chmod", "755", copy, folder_.path()}).ok());
  const RunResult result =
      RunProgram({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
                  copy, "map", std::to_string(plain.pid())});
  if (result.exit_code == 126 || result.exit_code == 127) {
    GTEST_SKIP() << "SKIP: nobody cannot run what lies in " << folder_.path();
  }
  EXPECT_EQ(result.exit_code, 1) << result;
  EXPECT_THAT(result.err, HasSubstr("no permission to read process"));
}

// -- record and report ----------------------------------------------------------------------------

using RecordTest = Hz3Test;

TEST_F(RecordTest, AProgramIsRecordedAndReportedOn) {
  const RunResult record = Hz3({"record", "--interval_ms=10", "-o", Path("r.jsonl"), "--",
                                Runfile("tools/hz3/testing/busy"), "600"});
  ASSERT_TRUE(record.ok()) << record;
  const auto recording = ParseRecording("r", ReadText(Path("r.jsonl")), false);
  ASSERT_TRUE(recording.ok()) << recording.status();
  // How many fit into that time is the machine's affair.
  EXPECT_GT((*recording)["samples"].size(), 1u);
  EXPECT_EQ((*recording)["ending"], "exit 0");
  const RunResult report = Hz3({"report", "-o", Path("r.html"), Path("r.jsonl")});
  ASSERT_TRUE(report.ok()) << report;
  EXPECT_THAT(ReadText(Path("r.html")), HasSubstr("\"occupancy\""));
}

TEST_F(RecordTest, EndsAsTheProgramDoes) {
  EXPECT_EQ(Hz3({"record", "-o", Path("r"), "--", "sh", "-c", "exit 5"}).exit_code, 5);
  EXPECT_EQ(Hz3({"record", "-o", Path("r"), "--", "/nowhere"}).exit_code, 127);
}

TEST_F(RecordTest, TheEndIsNoticedLongBeforeTheNextLookIsDue) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(Hz3({"record", "--interval_ms=3600000", "-o", Path("r"), "--", "sleep", "0.1"}).ok());
  // A minute is what RunProgram allows: only an hour would be wrong.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(50));
}

TEST_F(RecordTest, TerminationReachesTheProgramAndTheRecordingIsWhole) {
  BackgroundProcess record({Runfile("tools/hz3/hz3"), "record", "--interval_ms=10", "-o", Path("r"),
                            "--", Runfile("tools/hz3/testing/busy")},
                           {});
  while (Count(ReadText(Path("r")), "\n") < 4) usleep(10'000);
  kill(record.pid(), SIGTERM);
  EXPECT_EQ(record.Wait().signal, SIGTERM) << record.Wait();
  EXPECT_TRUE(ParseRecording("r", ReadText(Path("r")), false).ok());
}

TEST_F(RecordTest, ARunningProcessIsRecordedForAsLongAsAskedFor) {
  BackgroundProcess busy({Runfile("tools/hz3/hz3"), "run", "--", Runfile("tools/hz3/testing/busy")},
                         {});
  const std::string pid = std::to_string(busy.pid());
  ASSERT_TRUE(EventuallyOk({"map", pid}).ok());
  const RunResult record =
      Hz3({"record", "--pid", pid, "--iterations=4", "--interval_ms=10", "-o", Path("r")});
  ASSERT_TRUE(record.ok()) << record;
  const auto recording = ParseRecording("r", ReadText(Path("r")), false);
  ASSERT_TRUE(recording.ok()) << recording.status();
  EXPECT_EQ((*recording)["samples"].size(), 4u);
  EXPECT_EQ((*recording)["ending"], "goes on");
}

TEST_F(RecordTest, AProgramWithoutHz3HasARecordingWithoutSamplesAndAPageThatSaysSo) {
  // A variable that the shell takes away stands for all that keeps hz3 out.
  const RunResult record = Hz3({"record", "-o", Path("r"), "--library",
                                Runfile("tools/hz3/testing/busy"), "--", "sleep", "0.1"});
  EXPECT_THAT(record.err, HasSubstr("0 samples"));
  EXPECT_TRUE(Hz3({"report", "-o", Path("r.html"), Path("r")}).ok());
}

TEST_F(RecordTest, ReportRefusesWhatIsBrokenInOneLineAndWritesNothing) {
  std::ofstream(Path("cut")) << RecordingHeader({"p", 1, "now", 100}).dump() << "\n";
  std::ofstream(Path("odd")) << "nothing of the kind\n";
  for (const std::string& file : {Path("cut"), Path("odd"), Path("missing"), folder_.path()}) {
    const RunResult report = Hz3({"report", "-o", Path("page"), file});
    EXPECT_NE(report.exit_code, 0);
    EXPECT_TRUE(IsOneLine(report.err)) << report.err;
    EXPECT_THAT(report.err, HasSubstr(file));
  }
  EXPECT_NE(access(Path("page").c_str(), F_OK), 0);
  EXPECT_TRUE(Hz3({"report", "--partial", "-o", Path("page"), Path("cut")}).ok());
}

TEST_F(RecordTest, ReportTakesGateFilesBesideRecordings) {
  std::ofstream(Path("g1.json")) << R"({"commit": "abc", "rows": [{"name": "a", "value": 1}]})";
  std::ofstream(Path("g2.json")) << R"({"commit": "def", "rows": [{"name": "a", "value": 2}]})";
  const RunResult report =
      Hz3({"report", "--gate", Path("g1.json"), Path("g2.json"), "-o", Path("page")});
  ASSERT_TRUE(report.ok()) << report;
  EXPECT_THAT(ReadText(Path("page")), AllOf(HasSubstr("\"abc\""), HasSubstr("\"def\"")));
}

// -- help -----------------------------------------------------------------------------------------

TEST(Help, EveryCommandExplainsItselfAndTheOverviewNamesThem) {
  const RunResult overview = Hz3({"--help"});
  EXPECT_TRUE(overview.ok());
  for (const char* command : {"run", "top", "map", "record", "report"}) {
    EXPECT_THAT(overview.out, HasSubstr(absl::StrCat("hz3 ", command)));
    const RunResult help = Hz3({command, "--help"});
    EXPECT_TRUE(help.ok());
    EXPECT_THAT(help.out, StartsWith(absl::StrCat("usage: hz3 ", command)));
    EXPECT_EQ(Hz3({"help", command}).out, help.out);
  }
  EXPECT_EQ(Hz3({}).exit_code, 2);
}

TEST(Version, IsThatOfTheLibraries) {
  for (const char* word : {"version", "--version"}) {
    const RunResult result = Hz3({word});
    EXPECT_TRUE(result.ok());
    EXPECT_EQ(result.out, absl::StrCat("hz3 ", kBuildVersion, "\n"));
  }
}

}  // namespace
}  // namespace hz3::tool
