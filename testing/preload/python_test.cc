#include "gtest/gtest.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

constexpr const char* kScript = R"py(
import gc, hashlib, json, multiprocessing, os, random, re, threading

SEED = 7
print("seed", SEED)

def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

def work(seed):
    rng = random.Random(seed)
    table = {}
    for i in range(8000):
        table["key%d" % rng.randrange(5000)] = [rng.random() for _ in range(rng.randrange(8))]
        if i % 3 == 0 and table:
            table.pop(next(iter(table)))
    text = " ".join(sorted(table))
    words = re.findall(r"key(\d+)5", text)
    table["text"] = text.replace("key", "x" * (seed % 5))[:100000]
    table["words"] = len(words)
    return digest(json.loads(json.dumps(table)))

results = {}
def run(seed):
    results[seed] = work(seed)
threads = [threading.Thread(target=run, args=(seed,)) for seed in range(6)]
for t in threads: t.start()
# Forks while the threads allocate: the child must have a working heap.
for i in range(5):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if len(work(100 + i)) == 64 else 1)
    print("child", os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
for t in threads: t.join()
print(sorted(results.items()))
with multiprocessing.get_context("fork").Pool(3) as pool:
    print(pool.map(work, range(20, 26)))
big = [bytearray(n) for n in range(0, 3000000, 100001)]
print(sum(map(len, big)), all(not any(b[:64]) for b in big))
del big
print(gc.collect() >= 0, len(os.popen("echo spawned").read()))
)py";

TEST(Python, GetsItsMemoryFromTheLibrary) {
  HZ3_NEEDS_PROGRAMS("python3");
  ExpectMallocComesFromLibrary({"python3", "-c", "import json, threading"});
}

TEST(Python, ThreadsDictsJsonAndForksGiveTheSame) {
  HZ3_NEEDS_PROGRAMS("python3");
  ExpectSameWithPreload([](Session& session) {
    session.SetEnvironment("PYTHONHASHSEED", "0");
    session.Run({"python3", session.Write("work.py", kScript)});
  });
}

// Every object then is a block of malloc, not only the large ones.
TEST(Python, WithoutItsOwnSmallObjectAllocatorGivesTheSame) {
  HZ3_NEEDS_PROGRAMS("python3");
  ExpectSameWithPreload([](Session& session) {
    session.SetEnvironment("PYTHONHASHSEED", "0");
    session.SetEnvironment("PYTHONMALLOC", "malloc");
    session.Run({"python3", session.Write("work.py", kScript)});
  });
}

}  // namespace
}  // namespace hz3::testlib
