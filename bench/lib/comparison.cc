#include "bench/lib/comparison.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "bench/lib/bench_run.h"
#include "bench/lib/subprocess.h"

namespace hz3::bench {
namespace {

using Clock = std::chrono::steady_clock;

class Runner {
 public:
  Runner(const std::vector<Contestant>& contestants, const std::vector<std::string>& argv,
         const ComparisonLimits& limits, const ProgressSink& progress)
      : contestants_(contestants), limits_(limits), progress_(progress), begin_(Clock::now()) {
    command_.argv = argv;
    command_.timeout_s = limits.run_timeout_s;
    command_.max_rss_bytes = limits.max_rss_bytes;
    for (const Contestant& contestant : contestants) {
      rows_.push_back({contestant.allocator, {}, {}});
      step_.steps += contestant.runs;
      rounds_ = std::max(rounds_, contestant.runs);
    }
  }

  std::vector<ComparisonRow> Run() {
    for (int round = 0; round < rounds_; ++round) {
      for (size_t i = 0; i < contestants_.size(); ++i) {
        if (round < contestants_[i].runs) RunOnce(&rows_[i]);
      }
    }
    return std::move(rows_);
  }

 private:
  void RunOnce(ComparisonRow* row) {
    ++step_.step;
    step_.allocator = row->allocator.name;
    step_.result.clear();
    progress_(step_);
    if (IsOverBudget() && !row->allocator.is_ours) {
      step_.result = "over budget";
      row->failures.push_back(step_.result);
    } else {
      Measure(row);
    }
    progress_(step_);
  }

  void Measure(ComparisonRow* row) {
    const BenchRun run = RunBench(row->allocator, command_);
    if (!run.failure.empty()) {
      step_.result = run.failure;
      row->failures.push_back(run.failure);
      return;
    }
    row->runs.push_back(run.fields);
    step_.result =
        Fixed(run.wall_s, 1) + " s, alloc_failed=" + run.fields.Text("alloc_failed").value_or("?");
  }

  bool IsOverBudget() const {
    const double elapsed = std::chrono::duration<double>(Clock::now() - begin_).count();
    return limits_.budget_s > 0 && elapsed > limits_.budget_s;
  }

  const std::vector<Contestant>& contestants_;
  const ComparisonLimits limits_;
  const ProgressSink& progress_;
  const Clock::time_point begin_;
  Command command_;
  int rounds_ = 0;
  ProgressStep step_;
  std::vector<ComparisonRow> rows_;
};

void WriteRun(const ReportFields& fields, JsonWriter* json) {
  json->BeginObject();
  for (const auto& [key, value] : fields.all()) {
    json->Key(key);
    if (fields.Number(key).has_value()) {
      json->Raw(value);
    } else {
      json->String(value);
    }
  }
  json->EndObject();
}

}  // namespace

Summary ComparisonRow::Of(const std::string& key) const {
  std::vector<double> values;
  for (const ReportFields& run : runs) {
    if (const std::optional<double> value = run.Number(key)) values.push_back(*value);
  }
  return Summarize(std::move(values));
}

ProgressSink StderrProgress() {
  const bool is_terminal = isatty(STDERR_FILENO) == 1;
  return [is_terminal](const ProgressStep& step) {
    const char* line_start = is_terminal ? "\r\x1b[K" : "";
    if (step.result.empty() && !is_terminal) return;
    std::fprintf(stderr, "%s[%d/%d] %s %s", line_start, step.step, step.steps,
                 step.allocator.c_str(), step.result.empty() ? "..." : step.result.c_str());
    const bool is_last = step.step == step.steps && !step.result.empty();
    if (!is_terminal || is_last) std::fputc('\n', stderr);
    std::fflush(stderr);
  };
}

std::vector<ComparisonRow> Compare(const std::vector<Contestant>& contestants,
                                   const std::vector<std::string>& argv,
                                   const ComparisonLimits& limits, const ProgressSink& progress) {
  return Runner(contestants, argv, limits, progress).Run();
}

void WriteRows(const std::vector<ComparisonRow>& rows, JsonWriter* json) {
  json->BeginArray();
  for (const ComparisonRow& row : rows) {
    json->BeginObject();
    json->Key("allocator");
    json->String(row.allocator.name);
    json->Key("runs");
    json->BeginArray();
    for (const ReportFields& run : row.runs) WriteRun(run, json);
    json->EndArray();
    json->Key("failures");
    json->BeginArray();
    for (const std::string& failure : row.failures) json->String(failure);
    json->EndArray();
    json->EndObject();
  }
  json->EndArray();
}

}  // namespace hz3::bench
