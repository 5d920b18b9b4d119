// Audit: the heap's own state (bitmaps, tags, mailboxes, stashes, bins, figures) held against the
// oracle's: every page of every slot is exactly one of live, cached, free and nobody's, every
// object of a span is in exactly one place, and the sums come out.
//
// A remote stash shows nothing but its bytes. So the objects that are found nowhere else have to be
// some that the oracle calls staged, and have to come to exactly those bytes.
// Tests only, one thread, nobody else at work.
#ifndef TESTING_SIMULATION_AUDIT_H_
#define TESTING_SIMULATION_AUDIT_H_

#include <string>

#include "testing/simulation/model_heap.h"

namespace hz3::simulation {

// What is wrong, or "".
std::string Audit(ModelHeap& heap);

// After everything is freed, all threads have ended and everything was collected: every slot in
// which a fork has lost nothing is back in the arena. What is wrong, or "".
std::string AuditEmpty(ModelHeap& heap);

}  // namespace hz3::simulation

#endif  // TESTING_SIMULATION_AUDIT_H_
