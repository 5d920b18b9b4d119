#include "bench/matrix/runner.h"

#include <numeric>
#include <string>
#include <utility>

#include "bench/lib/rng.h"

namespace hz3::bench {
namespace {

class Runner {
 public:
  Runner(const RunPlan& plan, const ProgressSink& progress)
      : plan_(plan), progress_(progress), rng_(plan.seed) {
    step_.steps = static_cast<int>(plan.rows.size()) * RunsOfRow();
  }

  std::vector<RowResult> Run() {
    std::vector<RowResult> results;
    for (size_t i = 0; i < plan_.rows.size() && !IsCancelled(); ++i) {
      row_text_ = "row " + std::to_string(i + 1) + " of " + std::to_string(plan_.rows.size()) +
                  " " + plan_.rows[i].info.name;
      RowResult result = RunRow(plan_.rows[i]);
      if (!IsCancelled()) results.push_back(std::move(result));
    }
    return results;
  }

 private:
  int RunsOfRow() const { return static_cast<int>(plan_.allocators.size()) * plan_.runs; }

  bool IsCancelled() const { return plan_.cancel != nullptr && *plan_.cancel; }

  RowResult RunRow(const MatrixRow& row) {
    RowResult result = {row.info};
    Tell(row_text_, "");
    result.skipped = row.prepare();
    if (!result.skipped.empty()) {
      step_.step += RunsOfRow();
      Tell(row_text_, "skipped: " + result.skipped);
      return result;
    }
    for (const Allocator& allocator : plan_.allocators) result.cells.push_back({allocator});
    for (int round = 0; round < plan_.runs; ++round) {
      for (const size_t i : NextOrder()) {
        if (!IsCancelled()) RunCell(row, &result.cells[i]);
      }
    }
    return result;
  }

  void RunCell(const MatrixRow& row, Cell* cell) {
    const std::string text = row_text_ + ", " + cell->allocator.name;
    ++step_.step;
    Tell(text, "");
    const Sample sample = row.run(cell->allocator);
    const bool failed = !sample.failure.empty();
    if (failed) {
      cell->failures.push_back(sample.failure);
    } else {
      cell->samples.push_back(sample);
    }
    Tell(text, failed ? "FAILED: " + sample.failure : Fixed(sample.wall_s, 1) + " s");
  }

  std::vector<size_t> NextOrder() {
    std::vector<size_t> order(plan_.allocators.size());
    std::iota(order.begin(), order.end(), size_t{0});
    for (size_t left = order.size(); left > 1; --left) {
      const uint32_t draw = ScaleTo(HighHalf(rng_.Next()), static_cast<uint32_t>(left));
      std::swap(order[left - 1], order[draw]);
    }
    return order;
  }

  void Tell(const std::string& what, const std::string& result) {
    step_.allocator = what;
    step_.result = result;
    progress_(step_);
  }

  const RunPlan& plan_;
  const ProgressSink& progress_;
  Rng rng_;
  ProgressStep step_;
  std::string row_text_;
};

}  // namespace

std::vector<RowResult> RunMatrix(const RunPlan& plan, const ProgressSink& progress) {
  return Runner(plan, progress).Run();
}

}  // namespace hz3::bench
