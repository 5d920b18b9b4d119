// Holds some memory and prints what hz3 says of it.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "hz3/malloc_extension.h"

namespace {

std::string StatsJson() {
  std::string text(hz3_stats_json(nullptr, 0) + 4096, '\0');
  text.resize(hz3_stats_json(&text[0], text.size()));
  return text;
}

}  // namespace

int main() {
  std::vector<std::unique_ptr<char[]>> held;
  for (int i = 0; i < 1000; ++i) held.emplace_back(new char[10000]());
  std::printf(
      "{\"version\": \"%s\", \"lane\": \"%s\", \"decay_half_life_ms\": %zu, \"stats\": %s}\n",
      hz3_version(), hz3_lane(), hz3_decay_half_life_ms(), StatsJson().c_str());
  return 0;
}
