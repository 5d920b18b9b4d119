#include "bench/real/data_tools.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

#include "bench/lib/rng.h"

namespace hz3::bench {
namespace {

constexpr char kSql[] = R"sql(
CREATE TABLE item(id INTEGER PRIMARY KEY, bucket INTEGER, weight REAL, name TEXT, data BLOB);
WITH RECURSIVE n(i, x) AS (
  VALUES(1, 12345)
  UNION ALL SELECT i + 1, (x * 1103515245 + 12345) % 2147483648 FROM n WHERE i < (SELECT n FROM size))
INSERT INTO item SELECT i, x % 977, (x % 10007) / 7.0,
  printf('item-%08x-%s', x, substr('abcdefghijklmnopqrstuvwxyz', 1 + x % 20)), zeroblob(x % 300) FROM n;
CREATE INDEX by_bucket ON item(bucket, weight);
CREATE INDEX by_name ON item(name);
SELECT bucket, count(*), avg(weight), max(name) FROM item GROUP BY bucket ORDER BY 2 DESC, 1 LIMIT 9;
SELECT count(*) FROM item a JOIN item b ON a.bucket = b.bucket AND b.weight = a.weight AND a.id < b.id;
SELECT count(DISTINCT substr(name, 6, 4)), length(group_concat(name, ',')) FROM item;
DELETE FROM item WHERE bucket % 3 = 0;
UPDATE item SET name = upper(name) || name WHERE bucket % 5 = 1;
SELECT count(*), sum(length(name)), sum(length(data)) FROM item WHERE name LIKE '%ff%';
)sql";

std::string Sql(const RealPlace& place) {
  return "CREATE TABLE size(n); INSERT INTO size VALUES(" + std::to_string(Scaled(place, 120'000)) +
         ");\n" + kSql;
}

// Lines of words that come back often enough to be worth compressing.
std::string Text(int lines, uint64_t seed) {
  Rng rng(seed);
  std::string text;
  for (int i = 0; i < lines; ++i) {
    for (int word = 0; word < 8; ++word) {
      text += "w" + std::to_string(ScaleTo(HighHalf(rng.Next()), 5000)) + " ";
    }
    text += "\n";
  }
  return text;
}

void AppendFile(const std::string& name, const std::string& text, std::string* stream) {
  *stream += "M 100644 inline " + name + "\ndata " + std::to_string(text.size()) + "\n" + text;
}

// The history as a stream for git fast-import: each commit rewrites three of 24 files, of which
// long stretches stay as they were.
std::string History(int commits) {
  std::string stream;
  for (int commit = 0; commit < commits; ++commit) {
    stream += "commit refs/heads/main\ncommitter A <a@example.com> " +
              std::to_string(1'600'000'000 + commit) + " +0000\ndata 6\nround\n";
    for (int i = 0; i < 3; ++i) {
      const int file = (commit * 5 + i * 7) % 24;
      const std::string text = Text(250, static_cast<uint64_t>(file)) +
                               Text(60, static_cast<uint64_t>(commit * 3 + i + 100)) +
                               Text(250, static_cast<uint64_t>(file + 50));
      AppendFile("dir" + std::to_string(file % 4) + "/file" + std::to_string(file), text, &stream);
    }
  }
  return stream;
}

std::string PrepareGit(const RealPlace& place) {
  if (!WriteIn(place, "history", History(Scaled(place, 70)))) return "cannot write history";
  const std::string failure = PrepareWith(place, {"git", "init", "-q", "--bare", "made"});
  if (!failure.empty()) return failure;
  // fast-import reads its standard input.
  return PrepareWith(place, {"/bin/sh", "-c", "git -C made fast-import --quiet < history"});
}

// A collected repository leaves the next run nothing to do: each run takes a new copy.
RealResult RunGitGc(const RealPlace& place, const std::string& preload) {
  const std::filesystem::path directory = place.directory;
  std::error_code error;
  std::filesystem::remove_all(directory / "copy", error);
  std::filesystem::copy(directory / "made", directory / "copy",
                        std::filesystem::copy_options::recursive, error);
  if (error) return {.failure = "cannot copy the repository: " + error.message()};
  return MeasureUnder(preload, CommandIn(place, {"git", "-C", "copy", "-c", "pack.threads=2", "gc",
                                                 "--quiet", "--aggressive", "--prune=now"}));
}

RealRow GitRow() {
  return {.name = "git_gc",
          .help = "git gc --aggressive of a repository of 70 commits, two threads",
          .programs = {"git"},
          .prepare = PrepareGit,
          .run = RunGitGc};
}

}  // namespace

std::vector<RealRow> DataToolRows() {
  return {MakeFileRow({"sqlite",
                       "sqlite3 in memory: inserts, indexes, group by, join, update",
                       "work.sql",
                       Sql,
                       {"sqlite3", "-bail", ":memory:", ".read work.sql"}}),
          GitRow(),
          MakeFileRow({"xz",
                       "xz -6 of 1.2 MB of text: few large blocks",
                       "text",
                       [](const RealPlace& place) { return Text(Scaled(place, 25'000), 1); },
                       {"xz", "-6", "--threads=1", "--keep", "--force", "text"}})};
}

}  // namespace hz3::bench
