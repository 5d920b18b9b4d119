#include "bench/real/scripts.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

namespace hz3::bench {
namespace {

// Each script is preceded by a line that sets its `rounds`.
constexpr char kPython[] = R"py(
import json, re
table = {}
for r in range(rounds):
    records = [{"id": i, "name": "item-%d-%d" % (r, i), "tags": ["t%d" % (i % k) for k in range(1, 9)],
                "size": i * 1.5, "next": {"id": i + 1, "seen": None}} for i in range(3000)]
    text = json.dumps(records)
    for record in json.loads(text):
        table[record["name"]] = record
    words = re.findall(r"[a-z]+-[0-9]+", text)
    joined = ",".join(sorted(words, reverse=True))
    parts = [part.replace("item", "part" * (i % 5 + 1)) for i, part in enumerate(joined.split(","))]
    for name in [name for i, name in enumerate(table) if i % 3 == r % 3]:
        del table[name]
    table["parts-%d" % r] = "".join(parts)
print(len(table))
)py";

constexpr char kPerl[] = R"pl(
my %table;
my $x = 1;
for my $r (1 .. $rounds) {
  for my $i (1 .. 20000) {
    $x = ($x * 16807) % 2147483647;
    my $key = "key-" . ($x % 50000);
    $table{$key} .= "value $i of round $r;";
    $table{$key} = substr($table{$key}, 20) if length($table{$key}) > 200;
    delete $table{"key-" . (($x >> 7) % 50000)} if $i % 5 == 0;
  }
  my @sorted = sort { $table{$a} cmp $table{$b} } keys %table;
  my $text = join("\n", map { "$_=$table{$_}" } @sorted);
  my @found = $text =~ /value (\d+) of/g;
  $table{sum} = scalar(@found);
}
print scalar(keys %table), "\n";
)pl";

constexpr char kNode[] = R"js(
const table = new Map();
let kept = [];
for (let r = 0; r < rounds; ++r) {
  const records = [];
  for (let i = 0; i < 5000; ++i) {
    records.push({id: i, name: `item-${r}-${i}`, tags: [i % 3, i % 5, `t${i % 7}`], next: {id: i + 1}});
  }
  for (const record of JSON.parse(JSON.stringify(records))) table.set(record.name, record);
  for (let i = 0; i < 5000; i += 2) table.delete(`item-${r}-${i}`);
  // The bytes of large buffers come from malloc; V8 keeps its objects in pages of its own.
  for (let i = 0; i < 400; ++i) kept.push(Buffer.alloc(4096 + (i * 7919) % 60000, i & 255));
  kept = kept.filter((_, i) => i % 3 !== 0).slice(-2000);
}
console.log(table.size, kept.length);
)js";

std::function<std::string(const RealPlace&)> Script(std::string first_word, int rounds,
                                                    const char* text) {
  return [first_word, rounds, text](const RealPlace& place) {
    return first_word + "rounds = " + std::to_string(Scaled(place, rounds)) + ";\n" + text;
  };
}

// The interpreter that python3 stands for; empty when it does not say. In PATH it may be a shell
// script that looks for a version, whose time would be counted as the interpreter's.
std::string FindPython(const RealPlace& place) {
  const RunResult run = RunCommand(
      CommandIn(place, {"python3", "-c", "import sys; sys.stdout.write(sys.executable)"}));
  return run.Succeeded() ? run.out : "";
}

// The script under the real interpreter. The preparation leaves a link to it, as rows keep all that
// they know in their directory.
RealRow PythonRow(const std::string& name, const std::string& help, Variables env) {
  RealRow row = MakeFileRow({name, help, "work.py", Script("", 20, kPython), {"python3"}, {}});
  const auto write_script = row.prepare;
  row.prepare = [write_script](const RealPlace& place) -> std::string {
    const std::string link = place.directory + "/interpreter";
    const std::string python = FindPython(place);
    if (python.empty()) return "python3 does not say which program it is";
    if (symlink(python.c_str(), link.c_str()) != 0) return "cannot make a link";
    return write_script(place);
  };
  row.run = [env](const RealPlace& place, const std::string& preload) -> RealResult {
    char target[PATH_MAX];
    const std::string link = place.directory + "/interpreter";
    if (realpath(link.c_str(), target) == nullptr) return {.failure = "no interpreter"};
    Command command = CommandIn(place, {target, "-s", "work.py"});
    command.env.insert(command.env.end(), env.begin(), env.end());
    return MeasureUnder(preload, command);
  };
  return row;
}

}  // namespace

std::vector<RealRow> ScriptRows() {
  return {PythonRow("python", "python3: JSON, dicts, strings, regular expressions", {}),
          PythonRow("python_malloc", "the same, each Python object from malloc",
                    {{"PYTHONMALLOC", "malloc"}}),
          MakeFileRow({"perl",
                       "perl: a hash of strings, sort, join, regular expressions",
                       "work.pl",
                       Script("$", 7, kPerl),
                       {"perl", "work.pl"}}),
          MakeFileRow({"node",
                       "node: JSON, maps, buffers",
                       "work.js",
                       Script("const ", 60, kNode),
                       {"node", "work.js"}})};
}

}  // namespace hz3::bench
