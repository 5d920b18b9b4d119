// What a shared library says about itself. Pure functions of the file's bytes; x86-64 and other
// 64-bit little-endian ELF only.
#ifndef BENCH_GATE_SHARED_OBJECT_H_
#define BENCH_GATE_SHARED_OBJECT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hz3::gate {

// Like "gcc-12.2.0" or "clang-14.0.6"; empty when the file does not tell.
std::string CompilerOf(std::string_view file);

// The bytes that a process maps of it: code, constants and data, without debugging information.
// Nothing for what is no such file.
std::optional<uint64_t> LoadedBytes(std::string_view file);

}  // namespace hz3::gate

#endif  // BENCH_GATE_SHARED_OBJECT_H_
