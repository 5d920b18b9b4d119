#include "bench/gate/shared_object.h"

#include <elf.h>

#include <cstring>

namespace hz3::gate {
namespace {

// The version number at the start of `text`.
std::string VersionAt(std::string_view text) {
  return std::string(text.substr(0, text.find_first_not_of("0123456789.")));
}

// A header of type T at `offset`; nothing when the file ends before.
template <typename T>
std::optional<T> HeaderAt(std::string_view file, uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
  T header;
  std::memcpy(&header, file.data() + offset, sizeof(T));
  return header;
}

bool IsElf64(const Elf64_Ehdr& header) {
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB;
}

}  // namespace

std::string CompilerOf(std::string_view file) {
  constexpr std::string_view kClang = "clang version ";
  constexpr std::string_view kGcc = "GCC: (";
  // What clang makes also holds start files of gcc's.
  if (const size_t at = file.find(kClang); at != std::string_view::npos) {
    return "clang-" + VersionAt(file.substr(at + kClang.size()));
  }
  const size_t at = file.find(kGcc);
  const size_t end = at == std::string_view::npos ? at : file.find(") ", at);
  if (end == std::string_view::npos) return "";
  return "gcc-" + VersionAt(file.substr(end + 2));
}

std::optional<uint64_t> LoadedBytes(std::string_view file) {
  const auto header = HeaderAt<Elf64_Ehdr>(file, 0);
  if (!header || !IsElf64(*header)) return std::nullopt;
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = HeaderAt<Elf64_Phdr>(file, header->e_phoff + i * header->e_phentsize);
    if (!segment) return std::nullopt;
    if (segment->p_type == PT_LOAD) bytes += segment->p_memsz;
  }
  return bytes;
}

}  // namespace hz3::gate
