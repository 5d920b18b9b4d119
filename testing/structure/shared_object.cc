#include "testing/structure/shared_object.h"

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

namespace hz3 {
namespace {

// The file's bytes, read with bounds checks: a damaged library is a failed test, not a crash.
class Image {
 public:
  explicit Image(const std::string& path) : path_(path) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (bytes_.size() < sizeof(Elf64_Ehdr) || std::memcmp(bytes_.data(), ELFMAG, SELFMAG) != 0 ||
        bytes_[EI_CLASS] != ELFCLASS64) {
      Fail("is no ELF64 file");
    }
  }

  template <typename T>
  T At(uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) Fail("is cut short");
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

  std::string StringAt(uint64_t offset) const {
    if (offset >= bytes_.size()) Fail("is cut short");
    const size_t room = bytes_.size() - offset;
    return std::string(bytes_.data() + offset, strnlen(bytes_.data() + offset, room));
  }

  // The `T`s that the section consists of.
  template <typename T>
  std::vector<T> Table(const Elf64_Shdr& section) const {
    std::vector<T> entries;
    for (uint64_t at = 0; at + sizeof(T) <= section.sh_size; at += sizeof(T)) {
      entries.push_back(At<T>(section.sh_offset + at));
    }
    return entries;
  }

  std::vector<Elf64_Shdr> Sections() const {
    const auto header = At<Elf64_Ehdr>(0);
    std::vector<Elf64_Shdr> sections;
    for (uint64_t i = 0; i < header.e_shnum; ++i) {
      sections.push_back(At<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr)));
    }
    return sections;
  }

  std::vector<Elf64_Phdr> Segments() const {
    const auto header = At<Elf64_Ehdr>(0);
    std::vector<Elf64_Phdr> segments;
    for (uint64_t i = 0; i < header.e_phnum; ++i) {
      segments.push_back(At<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)));
    }
    return segments;
  }

 private:
  [[noreturn]] void Fail(const char* what) const { throw std::runtime_error(path_ + " " + what); }

  std::string path_;
  std::vector<char> bytes_;
};

void AddSymbols(const Image& image, const Elf64_Shdr& section, const Elf64_Shdr& names,
                SharedObject& object) {
  for (const auto& symbol : image.Table<Elf64_Sym>(section)) {
    const std::string name = image.StringAt(names.sh_offset + symbol.st_name);
    const bool is_local = ELF64_ST_BIND(symbol.st_info) == STB_LOCAL;
    const bool is_weak = ELF64_ST_BIND(symbol.st_info) == STB_WEAK;
    if (is_local || name.empty()) continue;
    if (symbol.st_shndx != SHN_UNDEF) {
      object.exports.insert(name);
    } else if (!is_weak) {
      object.strong_undefined.insert(name);
    }
  }
}

void AddDynamic(const Image& image, const Elf64_Shdr& section, const Elf64_Shdr& names,
                SharedObject& object) {
  for (const auto& entry : image.Table<Elf64_Dyn>(section)) {
    const uint64_t value = entry.d_un.d_val;
    if (entry.d_tag == DT_NULL) return;
    if (entry.d_tag == DT_SONAME) object.soname = image.StringAt(names.sh_offset + value);
    if (entry.d_tag == DT_NEEDED) object.needed.insert(image.StringAt(names.sh_offset + value));
    if (entry.d_tag == DT_FLAGS_1) object.flags_1 = value;
    if (entry.d_tag == DT_TEXTREL) object.has_text_relocations = true;
    if (entry.d_tag == DT_FLAGS && (value & DF_TEXTREL) != 0) object.has_text_relocations = true;
    // The first definition is the file itself; gold writes it always.
    if (entry.d_tag == DT_VERDEFNUM) object.has_symbol_versions = value > 1;
  }
}

// Without the entry the kernel takes the stack to be executable.
bool HasExecutableStack(const Image& image) {
  for (const Elf64_Phdr& segment : image.Segments()) {
    if (segment.p_type == PT_GNU_STACK) return (segment.p_flags & PF_X) != 0;
  }
  return true;
}

}  // namespace

SharedObject ReadSharedObject(const std::string& path) {
  const Image image(path);
  const std::vector<Elf64_Shdr> sections = image.Sections();
  SharedObject object;
  object.has_executable_stack = HasExecutableStack(image);
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_DYNSYM && section.sh_type != SHT_DYNAMIC) continue;
    const Elf64_Shdr& names = sections.at(section.sh_link);
    if (section.sh_type == SHT_DYNSYM) AddSymbols(image, section, names, object);
    if (section.sh_type == SHT_DYNAMIC) AddDynamic(image, section, names, object);
  }
  return object;
}

}  // namespace hz3
