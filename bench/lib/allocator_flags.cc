#include "bench/lib/allocator_flags.h"

#include <algorithm>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_split.h"

namespace hz3::bench {
namespace {

// All that --peer named; the flag itself keeps only the last one.
std::vector<std::string>& PeerTexts() {
  static std::vector<std::string> texts;
  return texts;
}

}  // namespace
}  // namespace hz3::bench

ABSL_FLAG(std::string, only, "", "only these allocators, by name, with commas between");
ABSL_FLAG(std::string, peer, "", "one more allocator as name=path of its .so; may be repeated")
    .OnUpdate([] {
      const std::string text = absl::GetFlag(FLAGS_peer);
      if (!text.empty()) hz3::bench::PeerTexts().push_back(text);
    });

namespace hz3::bench {
namespace {

const Allocator* Find(const std::vector<Allocator>& all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Allocator& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

AllocatorChoice AllAllocators(std::string_view argv0) {
  AllocatorChoice all = {OurAllocators(argv0), ""};
  for (Allocator& peer : PeerAllocators()) all.allocators.push_back(std::move(peer));
  for (const std::string& text : PeerTexts()) {
    const auto peer = ParsePeer(text);
    if (!peer) {
      return {{}, "--peer wants name=path of a library that is there, not '" + text + "'"};
    }
    if (Find(all.allocators, peer->name) != nullptr) {
      return {{}, "--peer: there is a " + peer->name + " already"};
    }
    all.allocators.push_back(*peer);
  }
  return all;
}

std::string Names(const std::vector<Allocator>& allocators) {
  std::string names;
  for (const Allocator& allocator : allocators) names += " " + allocator.name;
  return names;
}

}  // namespace

AllocatorChoice ChosenAllocators(std::string_view argv0) {
  AllocatorChoice all = AllAllocators(argv0);
  if (!all.error.empty()) return all;
  const std::vector<std::string> only =
      absl::StrSplit(absl::GetFlag(FLAGS_only), ',', absl::SkipEmpty());
  if (only.empty()) {
    if (!all.allocators.front().is_ours) {
      return {{}, "hz3's libraries are not beside this program"};
    }
    return all;
  }
  AllocatorChoice chosen;
  for (const std::string& name : only) {
    const Allocator* found = Find(all.allocators, name);
    if (found == nullptr) {
      return {{}, "no allocator '" + name + "' here; there are" + Names(all.allocators)};
    }
    if (Find(chosen.allocators, name) == nullptr) chosen.allocators.push_back(*found);
  }
  return chosen;
}

}  // namespace hz3::bench
