#include "hz3/base/refusals.h"

namespace hz3 {

constinit Refusals refusals;

}  // namespace hz3
