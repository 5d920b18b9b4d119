#include "gtest/gtest.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

constexpr const char* kSql = R"sql(
CREATE TABLE item(id INTEGER PRIMARY KEY, bucket INTEGER, weight REAL, name TEXT, blob_ BLOB);
WITH RECURSIVE n(i, x) AS (
  VALUES(1, 12345) UNION ALL SELECT i + 1, (x * 1103515245 + 12345) % 2147483648 FROM n WHERE i < 60000)
INSERT INTO item SELECT i, x % 977, (x % 10007) / 7.0,
  printf('item-%08x-%s', x, substr('abcdefghijklmnopqrstuvwxyz', 1 + x % 20)), zeroblob(x % 300) FROM n;
CREATE INDEX by_bucket ON item(bucket, weight);
CREATE INDEX by_name ON item(name);
SELECT count(*), sum(length(name)), sum(length(blob_)) FROM item;
SELECT bucket, count(*), round(avg(weight), 6), max(name) FROM item GROUP BY bucket ORDER BY 2 DESC, 1 LIMIT 20;
SELECT a.id, b.id FROM item a JOIN item b ON a.bucket = b.bucket AND a.id < b.id AND b.weight = a.weight
  ORDER BY a.id, b.id LIMIT 20;
SELECT count(*), sum(length(n)) FROM (SELECT DISTINCT substr(name, 6, 4) AS n FROM item ORDER BY n DESC);
SELECT id, name FROM item WHERE name LIKE '%ff%' ORDER BY name DESC LIMIT 10;
SELECT length(group_concat(name, ',')) FROM item;
DELETE FROM item WHERE bucket % 3 = 0;
UPDATE item SET name = upper(name) || name WHERE bucket % 5 = 1;
VACUUM;
PRAGMA integrity_check;
SELECT count(*), sum(length(name)), sum(length(blob_)) FROM item;
)sql";

TEST(Sqlite, GetsItsMemoryFromTheLibrary) {
  HZ3_NEEDS_PROGRAMS("sqlite3");
  ExpectMallocComesFromLibrary({"sqlite3", ":memory:", "SELECT 1"});
}

TEST(Sqlite, AGeneratedDatabaseGivesTheSameAnswersAndTheSameFile) {
  HZ3_NEEDS_PROGRAMS("sqlite3");
  ExpectSameWithPreload([](Session& session) {
    session.Run({"sqlite3", "data.db"}, kSql);
    session.Run({"sqlite3", "data.db", ".dump"});
    session.Run({"sha256sum", "data.db"});
    session.Run({"sqlite3", ":memory:"}, kSql);
  });
}

}  // namespace
}  // namespace hz3::testlib
