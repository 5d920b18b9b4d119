#include "bench/real/redis.h"

#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace hz3::bench {
namespace {

// Relative to the row's directory: the name of a Unix socket has to be short.
constexpr char kSocket[] = "redis.sock";

// One server from its start to its end, on a thread of its own, which the kernel takes as the
// owner of the child.
class Server {
 public:
  Server(const RealPlace& place, const std::string& preload)
      : path_(place.directory + "/" + kSocket) {
    // One that a killed server left would look like an answer.
    unlink(path_.c_str());
    Command command = CommandIn(place, {"redis-server", "--port", "0", "--unixsocket", kSocket,
                                        "--save", "", "--appendonly", "no"});
    command.cancel = &kill_;
    thread_ = std::thread([this, command, preload] {
      result_ = MeasureUnder(preload, command);
      ended_ = true;
    });
  }

  bool WaitUntilItListens() const {
    for (int i = 0; i < 2000 && !ended_; ++i) {
      if (access(path_.c_str(), F_OK) == 0) return true;
      usleep(5'000);
    }
    return false;
  }

  void Kill() { kill_ = true; }

  RealResult Wait() {
    thread_.join();
    return result_;
  }

 private:
  const std::string path_;
  std::atomic<bool> kill_ = false;
  std::atomic<bool> ended_ = false;
  RealResult result_;
  std::thread thread_;
};

std::string Requests(const RealPlace& place, const std::string& tests, int count, int bytes) {
  return PrepareWith(
      place, {"redis-benchmark", "-s", kSocket, "-q", "-c", "20", "-P", "32", "-r",
              std::to_string(Scaled(place, 100'000)), "-n", std::to_string(Scaled(place, count)),
              "-d", std::to_string(bytes), "-t", tests});
}

// Values of two sizes one after the other, so that the second ones meet the holes of the first.
std::string UseServer(const RealPlace& place) {
  std::string failure = Requests(place, "set,get,lpush", 250'000, 60);
  if (failure.empty()) failure = Requests(place, "set,get", 250'000, 300);
  if (failure.empty()) failure = Requests(place, "lrange_100", 15'000, 60);
  if (failure.empty()) {
    failure = PrepareWith(place, {"redis-cli", "-s", kSocket, "shutdown", "nosave"});
  }
  return failure;
}

RealResult RunRedis(const RealPlace& place, const std::string& preload) {
  Server server(place, preload);
  const bool listens = server.WaitUntilItListens();
  const std::string failure = listens ? UseServer(place) : "the server does not listen";
  if (!failure.empty()) server.Kill();
  RealResult result = server.Wait();
  // The client's failure is the cause, the killed server its consequence.
  if (!failure.empty() && (listens || result.failure.empty())) result.failure = failure;
  return result;
}

}  // namespace

std::vector<RealRow> RedisRows() {
  return {
      {.name = "redis",
       .help = "redis-server: SET, GET and LPUSH of 60 bytes, SET and GET of 300, LRANGE of 100",
       .programs = {"redis-server", "redis-benchmark", "redis-cli"},
       .prepare = [](const RealPlace&) { return std::string(); },
       .run = RunRedis}};
}

}  // namespace hz3::bench
