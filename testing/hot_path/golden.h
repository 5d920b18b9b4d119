// The committed listings of malloc, free, operator new and delete (golden/), and what a library has
// to show beside them. Needs objdump (binutils).
#ifndef TESTING_HOT_PATH_GOLDEN_H_
#define TESTING_HOT_PATH_GOLDEN_H_

#include <string>
#include <vector>

namespace hz3 {

// malloc(size_t), free(void*), operator new(size_t), operator delete(void*, size_t).
inline constexpr const char* kHotFunctions[] = {"malloc", "free", "_Znwm", "_ZdlPvm"};

bool HasObjdump();

// objdump's listing of one function of the library; nothing but a reason in *failure when it fails.
std::string Disassembly(const std::string& library, const std::string& function,
                        std::string* failure);

// The name of the file in golden/ for the compiler that made a library with these bytes; empty for
// one that has none.
std::string GoldenFile(const std::string& library_bytes);

// As in a golden file, so that a difference shows which line it is in.
std::string GoldenText(const std::vector<std::string>& lines);

}  // namespace hz3

#endif  // TESTING_HOT_PATH_GOLDEN_H_
