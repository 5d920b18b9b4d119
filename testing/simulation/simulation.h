// Simulation: a random program on a ModelHeap. Model threads allocate, free each other's blocks,
// fall asleep, are preempted, start, end and fork, in an arena that is full most of the time; the
// oracle is held against each failure, and the audit against the heap's state every so often.
//
// A step is one action of the program or of a preempted thread. The same options give the same run.
#ifndef TESTING_SIMULATION_SIMULATION_H_
#define TESTING_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <string>

#include "testing/simulation/model_heap.h"

namespace hz3::simulation {

struct Options {
  uint64_t seed = 1;
  uint64_t steps = 100000;
  unsigned slots = 8;  // of 2 MiB, in the arena
  unsigned shards = 2;
  unsigned threads = 4;  // at most, at a time
  bool slack = false;    // half of the arena is memory, the rest only addresses
  bool limits = false;   // the commit limit changes
  bool forks = false;
  Flaw flaw = Flaw::kNone;
  uint64_t audit_every = 5000;
};

struct Outcome {
  std::string error;  // "" or what was wrong, with the seed and the step
  uint64_t steps = 0;
  uint64_t audits = 0;
  ModelCounters heap;
  uint64_t climbs = 0, rescues = 0, remembered = 0, broadcasts = 0;
  uint64_t mail_collected = 0, segments_closed = 0;
  size_t most_live_bytes = 0;
};

Outcome Simulate(const Options& options);

// "seed 7, step 1234" of the simulation that runs now, for those who report its death.
const char* Progress();

}  // namespace hz3::simulation

#endif  // TESTING_SIMULATION_SIMULATION_H_
