#include "bench/trace.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "bench/lib/rng.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/sanitizers.h"
#include "bench/lib/subprocess.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

std::string argv0;

// A trace under construction.
class Recording {
 public:
  explicit Recording(size_t size = 1 << 20) : buffer_(size), writer_(buffer_.data(), size) {}
  TraceWriter& writer() { return writer_; }
  std::string Bytes() {
    const size_t size = writer_.Finish();
    return {reinterpret_cast<const char*>(buffer_.data()), size};
  }

 private:
  std::vector<uint8_t> buffer_;
  TraceWriter writer_;
};

std::string ErrorOf(const std::string& bytes) {
  std::string error;
  EXPECT_EQ(Trace::Parse(bytes, &error), nullptr);
  EXPECT_EQ(error.find('\n'), std::string::npos);
  return error;
}

std::string Small() {
  Recording recording;
  TraceWriter& w = recording.writer();
  const uint64_t a = w.Allocated(0, TraceOp::kMalloc, 100);
  const uint64_t b = w.Allocated(1, TraceOp::kAligned, 5000, 12);
  const uint64_t c = w.Reallocated(1, a, 70000);
  w.Freed(0, b);
  w.Allocated(0, TraceOp::kCalloc, 0);
  w.Freed(0, c);
  return recording.Bytes();
}

TEST(Trace, ComesBackAsItWasWritten) {
  std::string error;
  const auto trace = Trace::Parse(Small(), &error);
  ASSERT_NE(trace, nullptr) << error;
  ASSERT_EQ(trace->size(), 6u);
  const auto expect = [&trace](size_t i, TraceOp op, uint16_t thread, uint32_t place,
                               uint64_t size) {
    EXPECT_EQ((*trace)[i].op, op) << i;
    EXPECT_EQ((*trace)[i].thread, thread) << i;
    EXPECT_EQ((*trace)[i].place, place) << i;
    EXPECT_EQ((*trace)[i].size, size) << i;
  };
  expect(0, TraceOp::kMalloc, 0, 0, 100);
  expect(1, TraceOp::kAligned, 1, 1, 5000);
  expect(2, TraceOp::kRealloc, 1, 0, 70000);
  expect(3, TraceOp::kFree, 0, 1, 0);
  expect(4, TraceOp::kCalloc, 0, 1, 0);  // the place that became free
  expect(5, TraceOp::kFree, 0, 0, 0);
  EXPECT_EQ((*trace)[1].align_log2, 12);
  EXPECT_EQ(trace->threads(), 2u);
  EXPECT_EQ(trace->places(), 2u);
  EXPECT_EQ(trace->peak_bytes(), 75000u);
  EXPECT_EQ(trace->peak_events(), 3u);
}

// Random traces against a model that knows every block by its id.
TEST(Trace, LongTracesComeBackToo) {
  constexpr uint64_t kSeed = 11;
  Rng rng(kSeed);
  Recording recording;
  TraceWriter& w = recording.writer();
  std::vector<std::pair<uint64_t, uint64_t>> live;  // id, size
  std::vector<uint64_t> sizes;                      // of each event; 0: free
  uint64_t bytes = 0;
  uint64_t peak = 0;
  for (int i = 0; i < 50'000; ++i) {
    const uint64_t draw = rng.Next();
    const auto thread = static_cast<uint32_t>(draw >> 60);
    const uint64_t size = 1 + (draw & 0xffffff) % (draw % 3 == 0 ? 1'000'000 : 200);
    const size_t index = live.empty() ? 0 : HighHalf(draw) % live.size();
    if (live.size() < 10 || draw % 5 < 2) {
      live.emplace_back(w.Allocated(thread, TraceOp::kMalloc, size), size);
      sizes.push_back(size);
      bytes += size;
    } else if (draw % 5 == 2) {
      bytes += size - live[index].second;
      live[index] = {w.Reallocated(thread, live[index].first, size), size};
      sizes.push_back(size);
    } else {
      w.Freed(thread, live[index].first);
      bytes -= live[index].second;
      live[index] = live.back();
      live.pop_back();
      sizes.push_back(0);
    }
    peak = std::max(peak, bytes);
  }
  ASSERT_FALSE(w.full());
  std::string error;
  const auto trace = Trace::Parse(recording.Bytes(), &error);
  ASSERT_NE(trace, nullptr) << error << ", seed " << kSeed;
  ASSERT_EQ(trace->size(), sizes.size());
  EXPECT_EQ(trace->peak_bytes(), peak);
  std::vector<uint64_t> places(trace->places(), 0);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const TraceEvent& event = (*trace)[i];
    ASSERT_EQ(event.size, sizes[i]) << i;
    // No two live blocks share a place.
    ASSERT_EQ(places[event.place] == 0, event.op == TraceOp::kMalloc) << i;
    places[event.place] = event.size;
  }
}

TEST(TraceWriter, LeavesOutWhatDoesNotFit) {
  Recording recording(TraceWriter::kMinBytes * 2);
  for (int i = 0; i < 1000; ++i) recording.writer().Allocated(0, TraceOp::kMalloc, 1 << 20);
  EXPECT_TRUE(recording.writer().full());
  const uint64_t events = recording.writer().events();
  std::string error;
  const auto trace = Trace::Parse(recording.Bytes(), &error);
  ASSERT_NE(trace, nullptr) << error;
  EXPECT_EQ(trace->size(), events);
  EXPECT_GT(events, 1u);
}

TEST(Trace, SaysInOneLineWhatIsWrong) {
  EXPECT_EQ(ErrorOf(""), "no trace: wrong first bytes at byte 0");
  EXPECT_EQ(ErrorOf("ELF....."), "no trace: wrong first bytes at byte 0");
  EXPECT_EQ(ErrorOf(std::string("HZ3T\2", 5)), "unknown version at byte 4");
  const std::string start("HZ3T\1", 5);
  const auto event = [](TraceOp op, uint64_t value) {
    std::string text;
    uint64_t word = value << kTraceOpBits | static_cast<uint64_t>(op);
    for (; word >= 0x80; word >>= 7) text += static_cast<char>(word | 0x80);
    return text + static_cast<char>(word);
  };
  EXPECT_EQ(ErrorOf(start), "the file ends too early at byte 5");
  EXPECT_EQ(ErrorOf(start + event(TraceOp::kFree, 1)),
            "a block that is not live is freed at byte 6");
  EXPECT_EQ(ErrorOf(start + event(TraceOp::kMalloc, 1) + event(TraceOp::kFree, 0)),
            "a block that is not live is freed at byte 7");
  EXPECT_EQ(ErrorOf(start + event(TraceOp::kMalloc, 1) + event(TraceOp::kFree, 1) +
                    event(TraceOp::kFree, 1)),
            "a block that is not live is freed at byte 8");
  EXPECT_EQ(ErrorOf(start + event(TraceOp::kMalloc, Trace::kMaxSize + 1)),
            "a size is too large at byte 12");
  EXPECT_EQ(ErrorOf(start + event(TraceOp::kAligned, 1) + "\x1f"),
            "an alignment is too wide at byte 7");
  EXPECT_EQ(ErrorOf(start + event(TraceOp::kThread, Trace::kMaxThread + 1)),
            "a thread's number is too large at byte 8");
  EXPECT_EQ(ErrorOf(start + "\7"), "unknown event at byte 6");
  EXPECT_EQ(ErrorOf(start + std::string(12, '\xff')), "a number is too long at byte 15");
  EXPECT_EQ(ErrorOf(start + event(TraceOp::kEnd, 1)), "the number of events is wrong at byte 6");
  EXPECT_EQ(ErrorOf(Small() + "x"),
            "bytes after the end at byte " + std::to_string(Small().size()));
}

TEST(Trace, RefusesEveryPartOfAFile) {
  const std::string whole = Small();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(ErrorOf(whole.substr(0, size)), "") << size;
  }
}

// Whatever comes back is a trace that can be replayed.
TEST(Trace, DamagedFilesAreRefusedOrStillTraces) {
  constexpr uint64_t kSeed = 5;
  Rng rng(kSeed);
  const std::string whole = Small();
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (uint64_t i = rng.Next() % 4 + 1; i > 0; --i) {
      bytes[rng.Next() % bytes.size()] = static_cast<char>(rng.Next());
    }
    std::string error;
    const auto trace = Trace::Parse(bytes, &error);
    ASSERT_EQ(trace == nullptr, !error.empty());
    if (trace == nullptr) continue;
    for (size_t i = 0; i < trace->size(); ++i) {
      ASSERT_LT((*trace)[i].place, trace->places()) << "seed " << kSeed << " round " << round;
    }
  }
}

TEST(Trace, FilesThatAreNotThereAreNamedByTheirError) {
  std::string error;
  EXPECT_EQ(Trace::Load("/nonexistent", &error), nullptr);
  EXPECT_EQ(error, "No such file or directory");
  EXPECT_EQ(Trace::Load("/", &error), nullptr);
  EXPECT_EQ(error, "no regular file with contents");
}

TEST(Trace, TheRecordedOneOfThisRepositoryIsGood) {
  std::string error;
  const auto trace = Trace::Load(FindRunfile(argv0, "testing/data/python_json.trace"), &error);
  ASSERT_NE(trace, nullptr) << error;
  EXPECT_GT(trace->size(), 50'000u);
  EXPECT_GT(trace->peak_bytes(), uint64_t{1} << 20);
}

std::string RecorderPath() { return FindRunfile(argv0, "bench/libtrace_record.so"); }

TEST(TraceRecord, RecordsWhatAProgramAllocates) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "the recorder cannot be preloaded beside a sanitizer";
  const std::string path = testing::TempDir() + "/recorded.trace";
  std::remove(path.c_str());
  const RunResult run =
      RunCommand({.argv = {"/proc/self/exe", "--allocate"},
                  .env = {{"LD_PRELOAD", RecorderPath()}, {"HZ3_TRACE_FILE", path}},
                  .timeout_s = 60});
  ASSERT_TRUE(run.Succeeded()) << run.EndText() << run.err;
  std::string error;
  const auto trace = Trace::Load(path, &error);
  ASSERT_NE(trace, nullptr) << error;
  // In the order of the calls in Allocate() below, among what the C++ library does for itself.
  std::vector<std::pair<TraceOp, uint64_t>> seen;
  for (size_t i = 0; i < trace->size(); ++i) {
    const uint64_t size = (*trace)[i].size;
    if (size >= 1'000'000 && size < 1'000'100) seen.emplace_back((*trace)[i].op, size);
  }
  const std::vector<std::pair<TraceOp, uint64_t>> wanted = {
      {TraceOp::kMalloc, 1'000'000}, {TraceOp::kRealloc, 1'000'001},
      {TraceOp::kCalloc, 1'000'002}, {TraceOp::kAligned, 1'000'003},
      {TraceOp::kMalloc, 1'000'004}, {TraceOp::kMalloc, 1'000'005}};
  EXPECT_EQ(seen, wanted);
  EXPECT_GE(trace->threads(), 2u);
}

TEST(TraceRecord, DoesNotTouchAFileThatIsThere) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "the recorder cannot be preloaded beside a sanitizer";
  const std::string path = testing::TempDir() + "/kept.trace";
  std::ofstream(path) << "mine";
  const RunResult run =
      RunCommand({.argv = {"/proc/self/exe", "--allocate"},
                  .env = {{"LD_PRELOAD", RecorderPath()}, {"HZ3_TRACE_FILE", path}},
                  .timeout_s = 60});
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err;
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "mine");
}

}  // namespace

// What the recorded program does; volatile, so that the compiler leaves the calls in place.
int Allocate() {
  void* volatile a = std::malloc(1'000'000);
  void* volatile b = std::realloc(a, 1'000'001);
  void* volatile c = std::calloc(1, 1'000'002);
  void* d = nullptr;
  if (posix_memalign(&d, 4096, 1'000'003) != 0) return 1;
  void* volatile e = std::malloc(1'000'004);
  std::free(c);
  pthread_t thread;
  const auto in_thread = [](void*) -> void* {
    void* volatile f = std::malloc(1'000'005);
    std::free(f);
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, in_thread, nullptr) != 0) return 1;
  pthread_join(thread, nullptr);
  // The child is not recorded, and does not hang.
  const pid_t child = fork();
  if (child == 0) std::exit(std::malloc(1'000'006) == nullptr ? 1 : 0);
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 1;
  std::free(b);
  std::free(d);
  std::free(e);
  return 0;
}

}  // namespace hz3::bench

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--allocate") return hz3::bench::Allocate();
  testing::InitGoogleTest(&argc, argv);
  hz3::bench::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
