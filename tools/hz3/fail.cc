#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "tools/hz3/commands.h"

namespace hz3::tool {

int Fail(std::string_view command, const absl::Status& why) {
  const bool is_usage = absl::IsInvalidArgument(why);
  const std::string line =
      absl::StrCat("hz3 ", command, ": ", why.message(),
                   is_usage ? absl::StrCat(" (see hz3 ", command, " --help)") : std::string());
  std::fprintf(stderr, "%s\n", line.c_str());
  return is_usage ? 2 : 1;
}

}  // namespace hz3::tool
