// Reference: what `--against` names: libraries of another build of hz3 to measure against.
#ifndef BENCH_GATE_REFERENCE_H_
#define BENCH_GATE_REFERENCE_H_

#include <map>
#include <string>
#include <vector>

namespace hz3::gate {

struct Reference {
  std::map<std::string, std::string> libraries = {};  // lane to path
  std::string error = {};                             // one line, when there are none
};

// `against` is a library, for every lane or for the one that its name ends in; or a directory with
// libhakozuna_hz3_<lane>.so in it; or else a revision of the git repository at `workspace`, which
// is built in a worktree of its own by that revision's ./bazelw, and removed again; an empty
// `workspace` has no revisions. The libraries of a revision are put into `directory`, which must
// outlive their use. Says on stderr what it is doing; may take minutes.
Reference ResolveReference(const std::string& against, const std::vector<std::string>& lanes,
                           const std::string& workspace, const std::string& directory);

}  // namespace hz3::gate

#endif  // BENCH_GATE_REFERENCE_H_
