// Real programs as rows of a comparison: what each of them does, and what it costs under an
// allocator. A row makes its input once, in a directory of its own, and then runs any number of
// times, under one allocator after the other.
//
// Measured is the program together with the children that it waits for: their CPU time in sum, and
// the peak of the largest process among them.
#ifndef BENCH_REAL_REAL_ROW_H_
#define BENCH_REAL_REAL_ROW_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/lib/subprocess.h"

namespace hz3::bench {

// Where a row works, and how much.
struct RealPlace {
  std::string directory;  // absolute; the row's own
  double scale = 1;       // of the amount of work; 1 takes about 0.5..3 s
  double timeout_s = 0;   // of one run; 0: none
  uint64_t max_rss_bytes = 0;
  const std::atomic<bool>* cancel = nullptr;  // as in Command
};

struct RealResult {
  double wall_s = 0;
  double cpu_s = 0;
  uint64_t peak_rss_bytes = 0;
  std::string failure;  // empty when the run ended well
};

struct RealRow {
  std::string name = {};
  std::string help = {};
  std::vector<std::string> programs = {};  // that must be in PATH
  // Makes the input; returns what went wrong, or nothing.
  std::function<std::string(const RealPlace&)> prepare = {};
  // One run with `preload` as LD_PRELOAD; empty: with the C library's malloc.
  std::function<RealResult(const RealPlace&, const std::string& preload)> run = {};
};

// The first program of the row that is not in PATH; empty when all are there.
std::string MissingProgram(const RealRow& row);

// A number of things to do at this scale, at least one.
int Scaled(const RealPlace& place, int count);

// False when the file could not be written.
bool WriteIn(const RealPlace& place, const std::string& name, std::string_view text);

// A command in the row's directory, in an environment that does not depend on the user's.
Command CommandIn(const RealPlace& place, std::vector<std::string> argv);

// Runs a step of the preparation, without any preload; returns what went wrong, or nothing.
std::string PrepareWith(const RealPlace& place, std::vector<std::string> argv);

// Runs the command under the allocator. A library that could not be preloaded is a failure, though
// the loader only warns of it.
RealResult MeasureUnder(const std::string& preload, Command command);

using Variables = std::vector<std::pair<std::string, std::string>>;

// A row whose input is one file, made by `text`, and whose run is one command.
struct FileRow {
  std::string name;
  std::string help;
  std::string file;
  std::function<std::string(const RealPlace&)> text;
  std::vector<std::string> argv;
  Variables env = {};
};
RealRow MakeFileRow(FileRow row);

}  // namespace hz3::bench

#endif  // BENCH_REAL_REAL_ROW_H_
