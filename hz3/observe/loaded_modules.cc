#include "hz3/observe/loaded_modules.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "hz3/base/words.h"

namespace hz3 {
namespace {

constexpr size_t kNoteAlign = 4;

void CopyText(const char* from, char* to, size_t size) {
  const size_t n = std::min(strlen(from), size - 1);
  memcpy(to, from, n);
  to[n] = '\0';
}

void CopyHex(const unsigned char* bytes, size_t n, char* text) {
  for (size_t i = 0; i < n; ++i) {
    *text++ = "0123456789abcdef"[bytes[i] >> 4];
    *text++ = "0123456789abcdef"[bytes[i] & 15];
  }
  *text = '\0';
}

// The build id among the notes in [p, end), as it lies in memory.
bool FindBuildId(const char* p, const char* end, char* text) {
  while (p + sizeof(ElfW(Nhdr)) <= end) {
    ElfW(Nhdr) note;
    memcpy(&note, p, sizeof(note));
    const char* const name = p + sizeof(note);
    const char* const content = name + RoundUp(note.n_namesz, kNoteAlign);
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
        memcmp(name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0 && content + note.n_descsz <= end) {
      constexpr size_t kMost = (LoadedModule::kMaxBuildId - 1) / 2;
      CopyHex(reinterpret_cast<const unsigned char*>(content),
              std::min<size_t>(note.n_descsz, kMost), text);
      return true;
    }
    p = content + RoundUp(note.n_descsz, kNoteAlign);
  }
  return false;
}

// The program itself has no name for the dynamic linker.
void FindPath(const char* name, char* path) {
  CopyText(name, path, LoadedModule::kMaxPath);
  if (name[0] != '\0') return;
  const ssize_t n = readlink("/proc/self/exe", path, LoadedModule::kMaxPath - 1);
  path[std::max<ssize_t>(n, 0)] = '\0';
}

}  // namespace

struct ModuleVisitor {
  static int Visit(dl_phdr_info* info, size_t, void* arg) {
    auto& modules = *static_cast<LoadedModules*>(arg);
    const unsigned first = modules.count_;
    char build_id[LoadedModule::kMaxBuildId] = "";
    for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& header = info->dlpi_phdr[i];
      const uintptr_t at = info->dlpi_addr + header.p_vaddr;
      if (header.p_type == PT_NOTE && build_id[0] == '\0') {
        const char* notes = reinterpret_cast<const char*>(at);
        FindBuildId(notes, notes + header.p_memsz, build_id);
      }
      if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
      if (modules.count_ == LoadedModules::kMaxModules) return 1;
      LoadedModule& module = modules.modules_[modules.count_++];
      module.begin = at & ~(kPageSize - 1);
      module.end = RoundUp(at + header.p_memsz, kPageSize);
      module.offset = header.p_offset & ~(kPageSize - 1);
      FindPath(info->dlpi_name, module.path);
    }
    for (unsigned i = first; i < modules.count_; ++i) {
      memcpy(modules.modules_[i].build_id, build_id, sizeof(build_id));
    }
    return 0;
  }
};

void LoadedModules::Find() {
  count_ = 0;
  dl_iterate_phdr(&ModuleVisitor::Visit, this);
}

unsigned LoadedModules::IndexOf(uintptr_t address) const {
  unsigned i = 0;
  while (i < count_ && (address < modules_[i].begin || address >= modules_[i].end)) ++i;
  return i;
}

unsigned LoadedModules::OwnLibrary() const {
  const unsigned own = IndexOf(reinterpret_cast<uintptr_t>(&ModuleVisitor::Visit));
  return own == IndexOf(getauxval(AT_ENTRY)) ? count_ : own;
}

}  // namespace hz3
