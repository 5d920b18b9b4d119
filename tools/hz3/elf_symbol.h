// ElfSymbol: where a named object lies in an ELF file's address space.
#ifndef TOOLS_HZ3_ELF_SYMBOL_H_
#define TOOLS_HZ3_ELF_SYMBOL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hz3::tool {

struct ElfSymbol {
  uint64_t value;       // as linked
  uint64_t first_load;  // address, as linked, of the file's first loaded page
};

// Looks `name` up in .dynsym, then in .symtab, of the 64-bit ELF file `path`. Nothing when it is
// not there, or the file is no such file, or is broken.
std::optional<ElfSymbol> FindElfSymbol(const std::string& path, std::string_view name);

// The address, as linked, of the byte at `offset` of the file, when it is loaded as code.
std::optional<uint64_t> LinkedAddress(const std::string& path, uint64_t offset);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_ELF_SYMBOL_H_
