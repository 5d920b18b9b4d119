#include "tools/hz3/symbolizer.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/lib/subprocess.h"
#include "tools/hz3/elf_symbol.h"

namespace hz3::tool {
namespace {

// Addresses for one run of addr2line.
constexpr size_t kBatch = 500;
// It reads all debug information of a file, which may be much.
constexpr double kTimeoutS = 60;

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string Hex(uint64_t value) { return absl::StrCat("0x", absl::Hex(value)); }

// One module's addresses, as linked.
struct Module {
  std::string file;
  std::vector<uint64_t> ids;
  std::vector<std::string> addresses;
};

// "??" is addr2line's word for what it does not know.
std::string Joined(std::string_view function, std::string_view place) {
  if (absl::StartsWith(function, "??")) return "";
  if (absl::StartsWith(place, "??")) return std::string(function);
  return absl::StrCat(function, " ", BaseName(std::string(place)));
}

void AddNames(const Module& module, size_t from, size_t to,
              std::map<uint64_t, std::string>* names) {
  bench::Command command;
  command.argv = {"addr2line", "-f", "-C", "-e", module.file};
  command.argv.insert(command.argv.end(), module.addresses.begin() + static_cast<long>(from),
                      module.addresses.begin() + static_cast<long>(to));
  command.timeout_s = kTimeoutS;
  const bench::RunResult result = bench::RunCommand(command);
  if (!result.Succeeded()) return;
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n');
  for (size_t i = from; i < to && 2 * (i - from) + 1 < lines.size(); ++i) {
    const std::string name = Joined(lines[2 * (i - from)], lines[2 * (i - from) + 1]);
    if (!name.empty()) (*names)[module.ids[i]] = name;
  }
}

std::string Fallback(const PprofProfile& profile, const PprofLocation& location) {
  if (!location.function.empty()) return location.function;
  const auto mapping = profile.mappings.find(location.mapping);
  if (mapping == profile.mappings.end()) return Hex(location.address);
  return absl::StrCat(BaseName(mapping->second.file), "+",
                      Hex(location.address - mapping->second.begin + mapping->second.offset));
}

}  // namespace

std::map<uint64_t, std::string> SymbolsOf(const PprofProfile& profile) {
  std::map<uint64_t, std::string> names;
  std::map<uint64_t, Module> modules;
  for (const auto& [id, location] : profile.locations) {
    names[id] = Fallback(profile, location);
    const auto mapping = profile.mappings.find(location.mapping);
    if (mapping == profile.mappings.end()) continue;
    const uint64_t offset = location.address - mapping->second.begin + mapping->second.offset;
    const auto linked = LinkedAddress(mapping->second.file, offset);
    if (!linked) continue;
    Module& module = modules[location.mapping];
    module.file = mapping->second.file;
    module.ids.push_back(id);
    module.addresses.push_back(Hex(*linked));
  }
  for (const auto& [mapping, module] : modules) {
    for (size_t from = 0; from < module.ids.size(); from += kBatch) {
      AddNames(module, from, std::min(from + kBatch, module.ids.size()), &names);
    }
  }
  return names;
}

}  // namespace hz3::tool
