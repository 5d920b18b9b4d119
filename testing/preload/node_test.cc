#include "gtest/gtest.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

constexpr const char* kScript = R"js(
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const zlib = require('zlib');

function work(seed) {
  let x = seed;
  const rnd = (n) => { x = (x * 16807) % 2147483647; return x % n; };
  const map = new Map();
  for (let i = 0; i < 20000; ++i) {
    map.set('k' + rnd(4000), 'v'.repeat(rnd(60)));
    if (i % 3 === 0) map.delete('k' + rnd(4000));
  }
  const text = JSON.stringify(JSON.parse(JSON.stringify([...map].sort())));
  const buffers = [];
  for (let i = 0; i < 400; ++i) buffers.push(Buffer.alloc(rnd(50000), i & 255));
  const packed = zlib.gzipSync(Buffer.concat(buffers.slice(0, 60)));
  const hash = crypto.createHash('sha256').update(text).update(zlib.gunzipSync(packed));
  for (const buffer of buffers) hash.update(buffer);
  return hash.digest('hex');
}

if (isMainThread) {
  console.log('seed 1, main', work(1));
  const results = {};
  let left = 3;
  for (const seed of [2, 3, 4]) {
    const worker = new Worker(__filename, { workerData: seed });
    worker.on('message', (m) => { results[seed] = m; });
    worker.on('exit', (code) => {
      results[seed] += ' exit ' + code;
      if (--left === 0) {
        console.log(JSON.stringify([2, 3, 4].map((s) => results[s])));
        console.log(require('child_process').execSync('echo spawned').toString());
      }
    });
  }
} else {
  parentPort.postMessage(work(workerData));
}
)js";

TEST(Node, GetsItsMemoryFromTheLibrary) {
  HZ3_NEEDS_PROGRAMS("node");
  ExpectMallocComesFromLibrary({"node", "--version"});
}

TEST(Node, MapsBuffersZlibAndWorkersGiveTheSame) {
  HZ3_NEEDS_PROGRAMS("node");
  ExpectSameWithPreload([](Session& session) {
    session.Run({"node", session.Write("work.js", kScript)});
  });
}

}  // namespace
}  // namespace hz3::testlib
