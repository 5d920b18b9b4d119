#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

using Command = std::vector<std::string>;

Command Cli(Command words) {
  Command command = {"redis-cli", "-s", "redis.sock"};
  command.insert(command.end(), words.begin(), words.end());
  return command;
}

bool WaitForSocket(const Session& session) {
  const std::string path = session.directory() + "/redis.sock";
  for (int i = 0; i < 500; ++i) {
    if (access(path.c_str(), F_OK) == 0) return true;
    usleep(20'000);
  }
  return false;
}

void FillAndRead(Session& session) {
  std::string commands;
  for (int i = 0; i < 3000; ++i) {
    const std::string number = std::to_string(i * 7919 % 3001);
    commands += "SET key:" + number + " " + std::string(static_cast<std::size_t>(i % 700), 'v') +
                number + "\n";
    commands += "LPUSH list:" + std::to_string(i % 10) + " element" + number + "\n";
    commands += "HSET hash field" + number + " " + number + "\nZADD sorted " + number + " m" +
                number + "\n";
    if (i % 4 == 0) commands += "DEL key:" + std::to_string(i * 31 % 3001) + "\n";
    if (i % 9 == 0) commands += "APPEND key:" + number + " more\n";
  }
  session.Run(Cli({}), commands);
  session.Run(Cli({"LRANGE", "list:3", "0", "-1"}));
  session.Run(Cli({"ZRANGE", "sorted", "0", "200", "WITHSCORES"}));
  session.Run(Cli({"HLEN", "hash"}));
  session.Run(Cli({"GET", "key:17"}));
  session.Run(Cli({"DBSIZE"}));
}

void Benchmark(Session& session) {
  session.RunUncompared({"redis-benchmark", "-s", "redis.sock", "-q", "-n", "10000", "-c", "20",
                         "-P", "8", "-d", "300", "-r", "2000", "-t", "set,get,lpush,lrange_100"});
}

// A background save forks while the parent goes on.
void SaveAndReload(Session& session) {
  session.RunUncompared(Cli({"BGSAVE"}));
  Benchmark(session);
  session.RunUncompared(Cli({"FLUSHALL"}));
  session.Run(Cli({"DBSIZE"}));
  FillAndRead(session);
}

TEST(Redis, ServesTheSameUnderLoadAndShutsDownCleanly) {
  HZ3_NEEDS_PROGRAMS("redis-server", "redis-cli", "redis-benchmark");
  ExpectSameWithPreload([](Session& session) {
    const auto server =
        session.Start({"redis-server", "--port", "0", "--unixsocket", "redis.sock", "--dir",
                       session.directory(), "--save", "", "--appendonly", "no"});
    ASSERT_TRUE(WaitForSocket(session)) << server->Wait();
    FillAndRead(session);
    Benchmark(session);
    SaveAndReload(session);
    session.RunUncompared(Cli({"SHUTDOWN", "NOSAVE"}));
    EXPECT_TRUE(server->Wait().ok()) << server->Wait();
  });
}

TEST(Redis, GetsItsMemoryFromTheLibrary) {
  HZ3_NEEDS_PROGRAMS("redis-server");
  ExpectMallocComesFromLibrary({"redis-server", "--version"});
}

}  // namespace
}  // namespace hz3::testlib
