#include "tools/hz3/elf_symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace hz3::tool {
namespace {

constexpr uint64_t kPageMask = 4095;

// A file as bytes; everything that is read from it is checked against its end.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    struct stat info;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
      const size_t size = static_cast<size_t>(info.st_size);
      void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
      if (map != MAP_FAILED) bytes_ = {static_cast<const char*>(map), size};
    }
    close(fd);
  }
  ~MappedFile() {
    if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  template <typename T>
  std::optional<T> Get(uint64_t offset) const {
    T value;
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(value)) return std::nullopt;
    std::memcpy(&value, bytes_.data() + offset, sizeof(value));
    return value;
  }
  // Whether the zero-ended text at `offset` is `text`.
  bool HasText(uint64_t offset, std::string_view text) const {
    return offset < bytes_.size() && bytes_.size() - offset > text.size() &&
           bytes_.substr(offset, text.size()) == text && bytes_[offset + text.size()] == '\0';
  }

 private:
  std::string_view bytes_;
};

std::optional<Elf64_Ehdr> HeaderOf(const MappedFile& file) {
  const std::optional<Elf64_Ehdr> header = file.Get<Elf64_Ehdr>(0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  if (header->e_ident[EI_CLASS] != ELFCLASS64) return std::nullopt;
  return header;
}

std::optional<uint64_t> FirstLoad(const MappedFile& file, const Elf64_Ehdr& header) {
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto segment = file.Get<Elf64_Phdr>(header.e_phoff + uint64_t{i} * sizeof(Elf64_Phdr));
    if (segment && segment->p_type == PT_LOAD) return segment->p_vaddr & ~kPageMask;
  }
  return std::nullopt;
}

std::optional<uint64_t> FindIn(const MappedFile& file, const Elf64_Shdr& symbols,
                               const Elf64_Shdr& strings, std::string_view name) {
  for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols.sh_size; at += sizeof(Elf64_Sym)) {
    const auto symbol = file.Get<Elf64_Sym>(symbols.sh_offset + at);
    if (!symbol) return std::nullopt;
    if (symbol->st_shndx == SHN_UNDEF) continue;
    if (file.HasText(strings.sh_offset + symbol->st_name, name)) return symbol->st_value;
  }
  return std::nullopt;
}

std::optional<uint64_t> FindInSections(const MappedFile& file, const Elf64_Ehdr& header,
                                       Elf64_Word type, std::string_view name) {
  const auto section = [&](uint64_t i) {
    return file.Get<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
  };
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const auto symbols = section(i);
    if (!symbols || symbols->sh_type != type) continue;
    const auto strings = section(symbols->sh_link);
    if (!strings) continue;
    if (const auto value = FindIn(file, *symbols, *strings, name)) return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ElfSymbol> FindElfSymbol(const std::string& path, std::string_view name) {
  const MappedFile file(path);
  const std::optional<Elf64_Ehdr> header = HeaderOf(file);
  if (!header) return std::nullopt;
  const std::optional<uint64_t> first_load = FirstLoad(file, *header);
  if (!first_load) return std::nullopt;
  for (const Elf64_Word type : {SHT_DYNSYM, SHT_SYMTAB}) {
    const auto value = FindInSections(file, *header, type, name);
    if (value) return ElfSymbol{*value, *first_load};
  }
  return std::nullopt;
}

std::optional<uint64_t> LinkedAddress(const std::string& path, uint64_t offset) {
  const MappedFile file(path);
  const std::optional<Elf64_Ehdr> header = HeaderOf(file);
  if (!header) return std::nullopt;
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    const auto part = file.Get<Elf64_Phdr>(header->e_phoff + uint64_t{i} * sizeof(Elf64_Phdr));
    if (!part || part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
    if (offset >= part->p_offset && offset - part->p_offset < part->p_filesz) {
      return part->p_vaddr + (offset - part->p_offset);
    }
  }
  return std::nullopt;
}

}  // namespace hz3::tool
