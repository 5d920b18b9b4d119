// The system calls of everything that is linked into a program with HZ3_FAULT_LINKOPTS, under a
// plan: that of the environment variable HZ3_FAULT_PLAN, from the first call on. A program whose
// plan cannot be read ends with exit code 2.
#ifndef TESTING_FAULTS_OS_CALLS_H_
#define TESTING_FAULTS_OS_CALLS_H_

#include "testing/faults/fault_plan.h"

namespace hz3::testlib {

FaultPlan& ActivePlan();

}  // namespace hz3::testlib

#endif  // TESTING_FAULTS_OS_CALLS_H_
