#include <signal.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/hz3/commands.h"
#include "tools/hz3/heap_view.h"
#include "tools/hz3/launch.h"
#include "tools/hz3/process_info.h"
#include "tools/hz3/recording.h"
#include "tools/hz3/ticker.h"

namespace hz3::tool {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr char kName[] = "record";
constexpr int kDefaultIntervalMs = 100;
// After so many samples at one interval it doubles, so that a long recording stays small.
constexpr size_t kSamplesPerInterval = 300;
// Until the program runs on hz3, which is soon after its start.
constexpr milliseconds kStartInterval{2};

// The file of a recording, line by line.
class RecordingFile {
 public:
  absl::Status Open(const std::string& path) {
    path_ = path;
    file_.open(path, std::ios::trunc);
    return Check();
  }
  absl::Status Write(const Json& line) {
    file_ << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
    return Check();
  }

 private:
  absl::Status Check() const {
    if (file_.good()) return absl::OkStatus();
    return absl::UnavailableError("cannot write " + path_);
  }

  std::string path_;
  std::ofstream file_;
};

struct Limits {
  milliseconds interval;
  double duration_s;  // 0: none
  int iterations;     // 0: none
};

// Samples one process.
class Recorder {
 public:
  Recorder(pid_t pid, const Limits& limits, RecordingFile* file)
      : memory_(pid), limits_(limits), interval_(limits.interval), file_(file) {}

  // One look, if there is something to see yet. Not ok: the file cannot be written.
  absl::Status Look() {
    if (!located_) {
      auto located = LocateHeap(memory_);
      if (!located.ok()) {
        why_not_ = located.status();
        return absl::OkStatus();
      }
      located_ = *std::move(located);
    }
    auto view = ReadHeap(memory_, *located_);
    if (!view.ok()) {
      // It ended, or became another program: that one is looked for anew.
      located_.reset();
      return absl::OkStatus();
    }
    return Write(*view);
  }

  bool IsOver() const {
    return (limits_.duration_s > 0 && Seconds() >= limits_.duration_s) ||
           (limits_.iterations > 0 && samples_ >= static_cast<size_t>(limits_.iterations));
  }
  milliseconds Interval() const {
    return located_ ? interval_ : std::min(interval_, kStartInterval);
  }
  size_t samples() const { return samples_; }
  const absl::Status& why_not() const { return why_not_; }

 private:
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  absl::Status Write(const HeapView& view) {
    if (samples_ == 0) {
      if (absl::Status s = file_->Write(HeapHeader(view)); !s.ok()) return s;
    }
    ++samples_;
    if (samples_ % kSamplesPerInterval == 0) interval_ *= 2;
    return file_->Write(sampler_.Sample(view, ReadResidency(memory_.pid()), Seconds()));
  }

  const RemoteMemory memory_;
  const Limits limits_;
  milliseconds interval_;
  RecordingFile* const file_;
  const Clock::time_point start_ = Clock::now();
  std::optional<LocatedHeap> located_;
  absl::Status why_not_;
  Sampler sampler_;
  size_t samples_ = 0;
};

bool IsAlive(pid_t pid) { return kill(pid, 0) == 0 || errno == EPERM; }

std::string OutputPath() {
  const std::string path = absl::GetFlag(FLAGS_output);
  return path.empty() ? "hz3.jsonl" : path;
}

void SayDone(size_t samples) {
  std::fprintf(stderr, "hz3 record: %zu samples in %s; hz3 report %s makes a page of them\n",
               samples, OutputPath().c_str(), OutputPath().c_str());
}

// Samples until `has_ended` says so, or a limit, or a signal, which is then in *signal.
absl::Status Sample(Recorder* recorder, const std::function<bool()>& has_ended, int* signal) {
  Ticker ticker;
  const auto is_over = [&] { return recorder->IsOver() || has_ended(); };
  while (!is_over()) {
    if (absl::Status s = recorder->Look(); !s.ok()) return s;
    if (!ticker.Wait(recorder->Interval(), is_over)) break;
  }
  *signal = ticker.signal();
  return absl::OkStatus();
}

absl::Status Finish(const Recorder& recorder, const std::string& ending, RecordingFile* file) {
  return file->Write(RecordingEnd(recorder.samples(), ending));
}

int RecordProcess(pid_t pid, const Limits& limits, RecordingFile* file) {
  // At once, so that a mistake is told before there is a file of nothing.
  const auto located = LocateHeap(RemoteMemory(pid));
  if (!located.ok()) return Fail(kName, located.status());
  absl::Status status = file->Open(OutputPath());
  const RecordingInfo info = {ProgramOf(pid), pid, UtcNow(),
                              static_cast<int>(limits.interval.count())};
  if (status.ok()) status = file->Write(RecordingHeader(info));
  Recorder recorder(pid, limits, file);
  int signal = 0;
  if (status.ok())
    status = Sample(
        &recorder, [pid] { return !IsAlive(pid); }, &signal);
  if (status.ok()) status = Finish(recorder, IsAlive(pid) ? "goes on" : "ended", file);
  if (!status.ok()) return Fail(kName, status);
  SayDone(recorder.samples());
  return 0;
}

int RecordProgram(const CommandLine& line, const std::string& library, const Limits& limits,
                  RecordingFile* file) {
  if (absl::Status s = file->Open(OutputPath()); !s.ok()) return Fail(kName, s);
  const std::string program = absl::StrJoin(line.program, " ");
  const Started started = StartProgram(line.program, PreloadVariables(library));
  if (started.pid < 0) return started.exit_code;
  const RecordingInfo info = {program, started.pid, UtcNow(),
                              static_cast<int>(limits.interval.count())};
  absl::Status status = file->Write(RecordingHeader(info));
  Recorder recorder(started.pid, limits, file);
  Ending ending;
  bool has_ended = false;
  int signal = 0;
  if (status.ok()) {
    const auto look = [&] { return has_ended = has_ended || HasEnded(started.pid, &ending); };
    status = Sample(&recorder, look, &signal);
  }
  if (!has_ended) {
    const SignalForwarder forwarder(started.pid);
    // A terminal sends SIGINT to the program too; SIGTERM came to this process only.
    if (signal == SIGTERM) kill(started.pid, SIGTERM);
    ending = AwaitEnd(started.pid);
  }
  if (status.ok()) status = Finish(recorder, ending.Text(), file);
  if (!status.ok()) Fail(kName, status);
  if (recorder.samples() == 0 && !recorder.why_not().ok()) Fail(kName, recorder.why_not());
  if (status.ok()) SayDone(recorder.samples());
  EndLike(ending);
}

}  // namespace

int RecordCommand(const CommandLine& line, std::string_view argv0) {
  const int pid = absl::GetFlag(FLAGS_pid);
  if (pid < 0) return Fail(kName, absl::InvalidArgumentError("--pid is a process id"));
  if ((pid == 0) == line.program.empty()) {
    return Fail(kName, absl::InvalidArgumentError("give it a program, or --pid"));
  }
  const auto interval = IntervalMs();
  if (!interval.ok()) return Fail(kName, interval.status());
  const Limits limits = {milliseconds(*interval == 0 ? kDefaultIntervalMs : *interval),
                         absl::GetFlag(FLAGS_duration_s), absl::GetFlag(FLAGS_iterations)};
  if (!(limits.duration_s >= 0) || limits.iterations < 0) {
    return Fail(kName,
                absl::InvalidArgumentError("--duration_s and --iterations must not be negative"));
  }
  RecordingFile file;
  if (pid > 0) return RecordProcess(pid, limits, &file);
  const auto library = FindLibrary(argv0);
  if (!library.ok()) return Fail(kName, library.status());
  return RecordProgram(line, *library, limits, &file);
}

}  // namespace hz3::tool
