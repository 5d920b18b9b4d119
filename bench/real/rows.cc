#include "bench/real/rows.h"

#include <utility>

#include "bench/real/compilers.h"
#include "bench/real/data_tools.h"
#include "bench/real/redis.h"
#include "bench/real/scripts.h"

namespace hz3::bench {

const std::vector<RealRow>& RealRows() {
  static const std::vector<RealRow> rows = [] {
    std::vector<RealRow> all;
    for (auto& part : {RedisRows(), DataToolRows(), ScriptRows(), CompilerRows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace hz3::bench
