#include "bench/synthetic/catalog.h"

#include <set>
#include <string>

#include "bench/lib/report.h"
#include "bench/lib/sanitizers.h"
#include "bench/synthetic/live_blocks.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

SyntheticOptions Small(const SyntheticEntry& entry) {
  SyntheticOptions options = entry.defaults;
  options.ops = 20'000;
  if (entry.name == "threads_1000") options.threads = 50;
  if (entry.name.starts_with("cache_")) options.ops = 200'000;
  if (entry.name == "startup") options.ops = 5;
  if (entry.name == "calloc") options.ops = 100;
  if (entry.name == "realloc_growth") options.max_size = 1 << 20;
  return options;
}

class SyntheticWorkload : public testing::TestWithParam<size_t> {
 protected:
  const SyntheticEntry& entry() const { return SyntheticWorkloads()[GetParam()]; }
};

TEST_P(SyntheticWorkload, FreesAllThatItAllocates) {
  const SyntheticOptions options = Small(entry());
  // What the C library keeps for later threads is there after the first run.
  entry().run(options);
  const int64_t before = LiveBlocks();
  const SyntheticResult result = entry().run(options);
  EXPECT_EQ(result.allocs, result.frees);
  EXPECT_EQ(result.alloc_failed, 0u);
  // A cached stack keeps a block of its thread's locals; how many are cached depends on timing.
  const int64_t threads = static_cast<int64_t>(options.threads);
  EXPECT_LE(LiveBlocks() - before, 2 * threads + 2);
}

TEST_P(SyntheticWorkload, DoesTheOpsItWasAskedForInWholeRounds) {
  const SyntheticOptions options = Small(entry());
  const SyntheticResult result = entry().run(options);
  EXPECT_GT(result.ops, 0u);
  // One round at least, also where that is more than was asked for.
  const bool coarse = entry().name == "trees";
  if (!coarse) {
    EXPECT_GE(result.ops, options.ops * 4 / 5);
    EXPECT_LE(result.ops, options.ops * 6 / 5);
  }
  EXPECT_GT(result.seconds, 0);
  EXPECT_GT(result.cpu_s, 0);
  EXPECT_GT(result.peak_rss_bytes, result.own_rss_bytes);
}

TEST_P(SyntheticWorkload, DoesTheSameForTheSameSeed) {
  const SyntheticOptions options = Small(entry());
  const SyntheticResult a = entry().run(options);
  const SyntheticResult b = entry().run(options);
  EXPECT_EQ(a.ops, b.ops);
  EXPECT_EQ(a.allocs, b.allocs);
  EXPECT_EQ(a.checksum, b.checksum);
}

TEST_P(SyntheticWorkload, RunsWithAnyNumberOfThreads) {
  if (!entry().uses.threads) GTEST_SKIP() << "always one thread";
  SyntheticOptions options = Small(entry());
  for (const uint64_t threads : {1u, 2u, 3u, 5u}) {
    options.threads = threads;
    const SyntheticResult result = entry().run(options);
    EXPECT_GT(result.ops, 0u) << threads;
    EXPECT_EQ(result.allocs, result.frees) << threads;
  }
}

TEST_P(SyntheticWorkload, ReportsWhatTheComparisonReads) {
  const SyntheticOptions options = Small(entry());
  const ReportFields fields(MakeReport(entry(), options, entry().run(options)).Text());
  EXPECT_EQ(fields.Text("workload"), entry().name);
  EXPECT_EQ(fields.Number("threads"), static_cast<double>(options.threads));
  EXPECT_EQ(fields.Number("live_after_cleanup"), 0);
  for (const char* key : {"ops", "seconds", "ops_per_s", "cpu_ns_per_op", "peak_rss_bytes",
                          "own_rss_bytes", "alloc_failed", "checksum"}) {
    EXPECT_TRUE(fields.Number(key).has_value()) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SyntheticWorkload,
                         testing::Range(size_t{0}, SyntheticWorkloads().size()),
                         [](const auto& entry) { return SyntheticWorkloads()[entry.param].name; });

SyntheticResult RunSmall(std::string_view name, uint64_t SyntheticOptions::*option = nullptr,
                         uint64_t value = 0) {
  const SyntheticEntry& entry = *FindSyntheticWorkload(name);
  SyntheticOptions options = Small(entry);
  if (option != nullptr) options.*option = value;
  return entry.run(options);
}

double Extra(const SyntheticResult& result, const std::string& key) {
  for (const auto& [name, value] : result.extra) {
    if (name == key) return value;
  }
  ADD_FAILURE() << "no field " << key;
  return 0;
}

TEST(Seed, ChangesTheSizes) {
  EXPECT_NE(RunSmall("larson", &SyntheticOptions::seed, 1).checksum,
            RunSmall("larson", &SyntheticOptions::seed, 2).checksum);
}

TEST(LiveBlocks, SeesABlockThatIsNotFreed) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "a sanitizer owns malloc";
  const int64_t before = LiveBlocks();
  void* block = std::malloc(100);
  KeepPointer(block);
  EXPECT_EQ(LiveBlocks(), before + 1);
  std::free(block);
  EXPECT_EQ(LiveBlocks(), before);
}

TEST(Trees, EveryNodeIsThereUntilItsTreeIsTornDown) {
  const SyntheticResult result = RunSmall("trees", &SyntheticOptions::threads, 1);
  EXPECT_EQ(result.checksum, result.ops / 2);
}

TEST(Calloc, FindsOnlyZeros) { EXPECT_EQ(Extra(RunSmall("calloc"), "not_zero"), 0); }

TEST(ReallocGrowth, CarriesTheContentsAlong) {
  const SyntheticResult result = RunSmall("realloc_growth");
  EXPECT_EQ(result.checksum, 2 * result.allocs);
}

TEST(ThreadChurn, StartsNewThreadsAllTheTime) {
  EXPECT_EQ(Extra(RunSmall("thread_churn"), "threads_started"), 20);
}

TEST(Threads, SaysWhatOneThreadCosts) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "a sanitizer owns malloc";
  EXPECT_GT(Extra(RunSmall("threads_1000"), "rss_per_thread_bytes"), 0);
}

TEST(Catalog, NamesAreUniqueAndFound) {
  std::set<std::string> names;
  for (const SyntheticEntry& entry : SyntheticWorkloads()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(FindSyntheticWorkload(entry.name), &entry);
  }
  EXPECT_EQ(FindSyntheticWorkload("nonsense"), nullptr);
}

TEST(ApplyOverrides, RefusesWhatWouldHaveNoEffectOrContradictsItself) {
  SyntheticOptions options;
  EXPECT_EQ(ApplyOverrides(*FindSyntheticWorkload("startup"), {.threads = 2}, &options),
            "--threads has no effect on startup");
  EXPECT_EQ(ApplyOverrides(*FindSyntheticWorkload("trees"), {.fill = true}, &options),
            "--fill has no effect on trees");
  EXPECT_EQ(ApplyOverrides(*FindSyntheticWorkload("larson"), {.min_size = 2000}, &options),
            "min (2000) must not be greater than max (1024)");
}

TEST(ApplyOverrides, KeepsTheDefaultsOfWhatIsNotGiven) {
  SyntheticOptions options;
  const SyntheticEntry& larson = *FindSyntheticWorkload("larson");
  EXPECT_EQ(ApplyOverrides(larson, {.ops = 7, .max_size = 9, .fill = true}, &options),
            std::nullopt);
  EXPECT_EQ(options.ops, 7u);
  EXPECT_EQ(options.min_size, larson.defaults.min_size);
  EXPECT_EQ(options.max_size, 9u);
  EXPECT_EQ(options.threads, larson.defaults.threads);
  EXPECT_EQ(options.writes, Writes::kAll);
}

}  // namespace
}  // namespace hz3::bench
