// The guarantee of the ladder, held against an oracle in millions of random steps.
//
// An allocation of n contiguous pages (n <= 512, at any alignment up to a segment's) fails only if,
// during the whole call, no segment and no free slot had n contiguous pages without one that was
//   - live, or part of a span of which an object was live, or
//   - hidden, or part of a span of which an object was hidden.
// A small allocation fails only if, besides, no span of its class had an object that was neither
// live nor hidden. An allocation of more than 512 pages fails only if there were not as many
// neighbouring slots in which no page was live or hidden. Hidden is
//   1. what lies in the bins or the remote stash of another thread that has not come to the slow
//   path
//      since the last broadcast. Where the kernel has membarrier(2), that is at most one object of
//      each class for a thread that is not in the slow path at that time, and nothing of its remote
//      stash; otherwise all that its bins may hold (tcache.h);
//   2. what a thread is in the middle of handing over: it has taken it out of its bins, and others
//      cannot know of it yet. While a thread is about to announce that a segment has mail, that is
//      all mail of this segment;
//   3. free dirty pages that a thread is about to give back to the system (256 at a time);
//   4. in the child of a fork, what 1 (in the slow path), 2 and 3 were at the time of the fork.
// Under a commit limit (which the memory of a fixed arena is, too) all that holds if, besides, the
// live and hidden pages (all pages of such a span, and all pages of the slots of a block of slots)
// and the n together are within the limit. Then one more may fail: mail that was announced to a
// shard whose slot it is no more is passed on during the call, and may come to its owner after
// free pages were given back to make room.
//
// Besides, as often as --steps allows: every page is exactly one of live, cached, free and
// nobody's; figures are sums of what they count; nobody writes into somebody else's block; and
// after everything is freed, every slot is back in the arena.
//
// Flags: --seed=N runs that seed instead of the usual ones; --steps=N runs so many steps of each.

#include "testing/simulation/simulation.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hz3/base/thread_barrier.h"
#include "hz3/config/config.h"

namespace hz3::simulation {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kUsualSteps = 30000;
#else
constexpr uint64_t kUsualSteps = 600000;
#endif

struct Flags {
  std::vector<uint64_t> seeds = {1, 2, 3};
  uint64_t steps = kUsualSteps;
};
Flags flags;

// What else there is besides threads that allocate and free.
enum Extras : unsigned { kNothing = 0, kLimits = 1, kForks = 2, kSlack = 4 };

struct Geometry {
  const char* name;
  unsigned slots, shards, threads;
  unsigned extras;
};

Options OptionsFor(const Geometry& geometry, uint64_t seed) {
  Options options;
  options.seed = seed;
  options.steps = flags.steps;
  options.slots = geometry.slots;
  options.shards = geometry.shards;
  options.threads = geometry.threads;
  options.limits = (geometry.extras & kLimits) != 0;
  options.forks = (geometry.extras & kForks) != 0;
  options.slack = (geometry.extras & kSlack) != 0;
  return options;
}

class SimulationTest : public ::testing::TestWithParam<Geometry> {};

TEST_P(SimulationTest, NothingFailsThatTheGuaranteePromises) {
  for (const uint64_t seed : flags.seeds) {
    const Options options = OptionsFor(GetParam(), seed);
    const Outcome outcome = Simulate(options);
    ASSERT_THAT(outcome.error, IsEmpty()) << "again: --gtest_filter=*/" << GetParam().name
                                          << " --seed=" << seed << " --steps=" << options.steps;
    EXPECT_EQ(outcome.steps, options.steps);
    std::printf(
        "  seed %llu: %llu failures (%llu for what others hid, %llu of these awake), %llu climbs, "
        "%llu of them helped, "
        "%llu broadcasts, %zu pages hidden at most, by objects of %zu bytes\n",
        static_cast<unsigned long long>(seed),
        static_cast<unsigned long long>(outcome.heap.failures),
        static_cast<unsigned long long>(outcome.heap.hidden_failures),
        static_cast<unsigned long long>(outcome.heap.asleep_failures),
        static_cast<unsigned long long>(outcome.climbs),
        static_cast<unsigned long long>(outcome.rescues),
        static_cast<unsigned long long>(outcome.broadcasts), outcome.heap.most_hidden_pages,
        outcome.heap.hidden_bytes_then);
  }
}

INSTANTIATE_TEST_SUITE_P(
    EachGeometry, SimulationTest,
    ::testing::Values(
        Geometry{"OneSlot", 1, 1, 2, kNothing}, Geometry{"TwoSlots", 2, 2, 4, kNothing},
        Geometry{"OneShard", 4, 1, 3, kNothing}, Geometry{"TwoShards", 8, 2, 4, kNothing},
        Geometry{"ManyThreads", 6, 3, 16, kNothing}, Geometry{"ManyShards", 16, 6, 12, kNothing},
        Geometry{"ManySlots", 32, 4, 8, kNothing}, Geometry{"FewSlotsPerShard", 6, 6, 6, kNothing},
        Geometry{"MoreAddressesThanMemory", 8, 2, 4, kSlack},
        Geometry{"ManyAddresses", 24, 4, 8, kSlack}, Geometry{"LimitsInFewSlots", 4, 2, 4, kLimits},
        Geometry{"Limits", 16, 6, 12, kLimits | kSlack},
        Geometry{"ForksInFewSlots", 4, 2, 6, kForks},
        Geometry{"Everything", 16, 4, 12, kLimits | kForks | kSlack}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Simulation, TheSameOptionsGiveTheSameRun) {
  Options options = OptionsFor({"", 4, 2, 5, kLimits | kForks}, flags.seeds.front());
  options.steps = std::min<uint64_t>(flags.steps, 50000);
  const Outcome once = Simulate(options);
  const Outcome again = Simulate(options);
  EXPECT_EQ(once.error, again.error);
  EXPECT_EQ(once.heap.failures, again.heap.failures);
  EXPECT_EQ(once.climbs, again.climbs);
  EXPECT_EQ(once.mail_collected, again.mail_collected);
  EXPECT_EQ(once.most_live_bytes, again.most_live_bytes);
}

// A simulation in which nothing happens would pass too.
TEST(Simulation, GoesWhereItIsMeantToGo) {
  Options options = OptionsFor({"", 6, 3, 8, kLimits | kForks}, 1);
  options.steps = 400000;
  const Outcome outcome = Simulate(options);
  EXPECT_THAT(outcome.error, IsEmpty());
  EXPECT_GT(outcome.audits, 10u);
  EXPECT_GT(outcome.heap.failures, 100u);
  EXPECT_GT(outcome.heap.hidden_failures, 0u);
  EXPECT_GT(outcome.heap.over_limit, 0u);
  EXPECT_GT(outcome.climbs, 100u);
  EXPECT_GT(outcome.rescues, 100u);
  EXPECT_GT(outcome.remembered, 0u);
  EXPECT_GT(outcome.mail_collected, 100u);
  EXPECT_GT(outcome.segments_closed, 10u);
  EXPECT_GT(outcome.heap.mails, 10u);
  EXPECT_GT(outcome.heap.held_leases, 100u);
  EXPECT_GT(outcome.heap.huge, 10u);
  EXPECT_GT(outcome.heap.forks, 0u);
  EXPECT_GT(outcome.most_live_bytes, options.slots * kSegmentSize * 3 / 4);
  if (kConfig.broadcast) {
    EXPECT_GT(outcome.broadcasts, 10u);
    EXPECT_GT(outcome.heap.answers, 10u);
  }
  if (kConfig.idle_steal && BarrierOnAllThreads()) {
    EXPECT_GT(outcome.heap.robbed, 100u);
  }
}

// A failure is remembered while memory is scarce, because then every free counts as a release. What
// was freed into bins before memory became scarce again has counted as nothing.
TEST(Simulation, AFailureIsForgottenWhenMemoryBecomesScarceAnew) {
  constexpr SizeClass kEightPages(kFirstMediumClass + 7);
  constexpr size_t kSixteenPages = 16 * kPageSize;
  ModelHeap heap(2, MemBudget::kNoLimit, 1, Flaw::kNone);
  ModelThread& sleeper = *heap.StartThread(true);
  ModelThread& other = *heap.StartThread(true);
  std::vector<void*> blocks;
  for (void* p; (p = heap.Malloc(sleeper, kEightPages)) != nullptr;) blocks.push_back(p);
  std::sort(blocks.begin(), blocks.end());
  // Twelve holes: enough that the arena is not tight, and none of 16 pages.
  for (size_t i = 0; i < 24; i += 2) heap.Free(sleeper, blocks[i]);
  EXPECT_EQ(heap.MallocPages(other, kSixteenPages, 1), nullptr);
  uint64_t now_ms = uint64_t{1} << 45;
  heap.Watch(other, now_ms += 1000);
  ASSERT_FALSE(heap.registry().scarce());
  for (int i = 0; i < 8; ++i) heap.Malloc(other, kEightPages);
  // Now the sleeper's bin has what lies beside two of the holes.
  heap.Free(sleeper, blocks[21]);
  heap.Free(sleeper, blocks[19]);
  ASSERT_EQ(sleeper.cache->CachedObjects(kEightPages), 2u);
  heap.Sleep(sleeper, false);
  heap.Watch(other, now_ms += 1000);
  ASSERT_TRUE(heap.registry().scarce()) << "the arena is tight";
  heap.MallocPages(other, kSixteenPages, 1);
  EXPECT_EQ(heap.error(), "");
}

// -- The oracle complains when something is wrong ------------------------------------------------

struct Wrong {
  const char* name;
  Flaw flaw;
  const char* complaint;
};

class FlawTest : public ::testing::TestWithParam<Wrong> {};

constexpr uint64_t kMostSeeds = 40;

TEST_P(FlawTest, IsFound) {
  Options options = OptionsFor({"", 2, 2, 4, kNothing}, 1);
  options.steps = 400000;
  options.flaw = GetParam().flaw;
  Outcome outcome;
  for (; outcome.error.empty() && options.seed <= kMostSeeds; ++options.seed) {
    outcome = Simulate(options);
  }
  EXPECT_THAT(outcome.error, HasSubstr(GetParam().complaint));
}

constexpr char kPromised[] = "an allocation failed that the guarantee promises";

INSTANTIATE_TEST_SUITE_P(
    EachFlaw, FlawTest,
    ::testing::Values(Wrong{"AFreeThatIsLost", Flaw::kLoseAFree, ""},
                      Wrong{"AFreeThatNobodyAskedFor", Flaw::kFreeALiveBlock, ""},
                      Wrong{"OtherShardsLeftOut", Flaw::kOnlyOwnShard, kPromised},
                      Wrong{"MailAndStashesLeftOut", Flaw::kDoNotCollect, kPromised},
                      Wrong{"ABroadcastWithoutAnswers", Flaw::kDoNotAnswer, kPromised},
                      Wrong{"MailThatIsNeverAnnounced", Flaw::kDoNotAnnounce, kPromised}),
    [](const auto& tested) { return std::string(tested.param.name); });

// -- main ----------------------------------------------------------------------------------------

bool TakeNumber(std::string_view argument, std::string_view flag, uint64_t* value) {
  if (!argument.starts_with(flag)) return false;
  const std::string digits(argument.substr(flag.size()));
  const bool right = !digits.empty() && digits.size() < 19 &&
                     digits.find_first_not_of("0123456789") == std::string::npos;
  if (!right || std::stoull(digits) == 0) {
    std::fprintf(stderr, "simulation_test: %s wants a number from 1 on, not '%s'\n",
                 std::string(flag).c_str(), digits.c_str());
    std::exit(2);
  }
  *value = std::stoull(digits);
  return true;
}

// hz3 aborts when it is misused: the simulation would be at fault, or the heap.
void TellWhere(int signal) {
  static_cast<void>(!write(STDERR_FILENO, Progress(), std::strlen(Progress())));
  static_cast<void>(!write(STDERR_FILENO, "\n", 1));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

int Main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    uint64_t seed;
    if (TakeNumber(argv[i], "--seed=", &seed)) {
      flags.seeds = {seed};
    } else if (!TakeNumber(argv[i], "--steps=", &flags.steps)) {
      std::fprintf(stderr, "simulation_test: unknown argument '%s'\n", argv[i]);
      return 2;
    }
  }
  std::signal(SIGABRT, TellWhere);
  return RUN_ALL_TESTS();
}

}  // namespace
}  // namespace hz3::simulation

int main(int argc, char** argv) { return hz3::simulation::Main(argc, argv); }
