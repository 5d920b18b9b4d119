// AtomicComments: whether the reader of each atomic is told why its ordering suffices. A declared
// std::atomic needs a comment that speaks of ordering in its own group of lines (up to the next
// blank line above it), and every operation names its memory order.
#ifndef TESTING_STRUCTURE_ATOMIC_COMMENTS_H_
#define TESTING_STRUCTURE_ATOMIC_COMMENTS_H_

#include <string>
#include <string_view>
#include <vector>

namespace hz3 {

// The lines of `text` that declare an atomic variable or member without such a comment, as
// "12: std::atomic<int> n;". Parameters and template arguments are not declarations.
std::vector<std::string> AtomicsWithoutArgument(std::string_view text);

// The lines with an atomic operation that leaves its order to the default.
std::vector<std::string> OperationsWithoutOrder(std::string_view text);

}  // namespace hz3

#endif  // TESTING_STRUCTURE_ATOMIC_COMMENTS_H_
