// Each workload as a whole, under whatever malloc this test has: up to a target, so that nothing
// needs to fail.
#include "bench/workloads/catalog.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bench/lib/runfiles.h"
#include "bench/workloads/fill_run.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

std::string argv0;

constexpr uint64_t kScale = 8 * kMib;

// Those of 32 threads are the same code as those of 8, and slow under a sanitizer.
bool IsWorthRunning(const CatalogEntry& entry) {
  return entry.name.find("_t32_") == std::string::npos;
}

class CatalogTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string error;
    trace_ = Trace::Load(FindRunfile(argv0, "testing/data/python_json.trace"), &error);
    ASSERT_NE(trace_, nullptr) << error;
    options_.scale_bytes = kScale;
    options_.live_target = kScale;
    options_.trace = trace_.get();
  }

  const CatalogEntry& entry() const { return *FindFillWorkload(GetParam()); }

  FillResult Run(Ledger* ledger) {
    const std::unique_ptr<Workload> workload = entry().make(options_, ledger);
    EXPECT_EQ(workload->threads(), entry().threads);
    EXPECT_EQ(workload->CanWork(), entry().can_work);
    return RunFill(workload.get(), ledger, options_, 0);
  }

  std::unique_ptr<Trace> trace_;
  FillOptions options_;
};

TEST_P(CatalogTest, GrowsToItsTargetAndFreesEverything) {
  Ledger ledger(entry().threads, {.live_target = static_cast<int64_t>(kScale)});
  const FillResult result = Run(&ledger);
  EXPECT_EQ(result.failures, 0u);
  EXPECT_EQ(result.first_failure.live, -1);
  EXPECT_GE(result.peak_live, static_cast<int64_t>(kScale));
  // Threads look every 32 operations, and then have what is in their hands.
  EXPECT_LE(result.peak_live, static_cast<int64_t>(2 * kScale));
  EXPECT_GT(result.live_at_rest, static_cast<int64_t>(kScale / 2));
  EXPECT_LE(result.requested_at_rest, result.live_at_rest);
  EXPECT_LE(result.strict_at_rest, result.live_at_rest);
  EXPECT_EQ(ledger.meter().Sum(), 0);
  EXPECT_EQ(ledger.Total(&Account::allocs), ledger.Total(&Account::frees));
}

TEST_P(CatalogTest, WorksForTheAskedIterationsWhereItCan) {
  if (!entry().can_work) GTEST_SKIP() << "no timed part";
  options_.work = 1000;
  Ledger ledger(entry().threads,
                {.on_failure = OnFailure::kCount, .live_target = static_cast<int64_t>(kScale)});
  const FillResult result = Run(&ledger);
  EXPECT_GT(result.ops, entry().threads * options_.work / 4);
  EXPECT_GT(result.seconds, 0);
  EXPECT_EQ(ledger.meter().Sum(), 0);
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const CatalogEntry& entry : FillWorkloads()) {
    if (IsWorthRunning(entry)) names.push_back(entry.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, CatalogTest, testing::ValuesIn(Names()),
                         [](const auto& name) { return name.param; });

TEST(Catalog, HasNamesOfItsOwnAndFindsThem) {
  std::set<std::string> names;
  for (const CatalogEntry& entry : FillWorkloads()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(FindFillWorkload(entry.name), &entry);
    EXPECT_GT(entry.wanted_share, 0.8);
  }
  EXPECT_EQ(FindFillWorkload("nonsense"), nullptr);
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::bench::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
