#include "tools/hz3/testing/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace hz3::tool {
namespace {

using Json = nlohmann::json;

constexpr int kTimeoutMs = 60'000;

// Chromium reads commands from descriptor 3 and writes answers to descriptor 4.
[[noreturn]] void BecomeChromium(const std::string& chromium, const std::string& profile, int in,
                                 int out) {
  setpgid(0, 0);
  // Out of the way of 3 and 4 first.
  const int high_in = fcntl(in, F_DUPFD, 10);
  const int high_out = fcntl(out, F_DUPFD, 10);
  const int nothing = open("/dev/null", O_WRONLY);
  dup2(high_in, 3);
  dup2(high_out, 4);
  dup2(nothing, STDOUT_FILENO);
  dup2(nothing, STDERR_FILENO);
  setenv("HOME", profile.c_str(), 1);
  const std::string data = "--user-data-dir=" + profile;
  execl(chromium.c_str(), chromium.c_str(), "--headless=new", "--no-sandbox", "--disable-gpu",
        "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        "--hide-scrollbars", "--remote-debugging-pipe", data.c_str(), "about:blank",
        static_cast<char*>(nullptr));
  _exit(127);
}

}  // namespace

std::string FindChromium() {
  for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser"}) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) return path;
  }
  return "";
}

Browser::Browser(const std::string& chromium, const std::string& profile) {
  signal(SIGPIPE, SIG_IGN);
  if (!Start(chromium, profile) && failure_.empty()) failure_ = "Chromium did not start";
}

Browser::~Browser() {
  if (pid_ > 0) {
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (to_ >= 0) close(to_);
  if (from_ >= 0) close(from_);
}

bool Browser::Start(const std::string& chromium, const std::string& profile) {
  int commands[2];
  int answers[2];
  if (pipe2(commands, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0) return false;
  pid_ = fork();
  if (pid_ == 0) BecomeChromium(chromium, profile, commands[0], answers[1]);
  close(commands[0]);
  close(answers[1]);
  to_ = commands[1];
  from_ = answers[0];
  if (pid_ < 0) return false;
  setpgid(pid_, pid_);
  const Json target = Call("Target.createTarget", {{"url", "about:blank"}});
  if (!target.contains("targetId")) return false;
  const Json attached =
      Call("Target.attachToTarget", {{"targetId", target["targetId"]}, {"flatten", true}});
  if (!attached.contains("sessionId")) return false;
  session_ = attached["sessionId"];
  for (const char* domain : {"Page", "Runtime", "Log", "Network"}) {
    Call(absl::StrCat(domain, ".enable"), Json::object());
  }
  return failure_.empty();
}

bool Browser::Send(const std::string& message) {
  const char* at = message.c_str();
  size_t left = message.size() + 1;  // with the zero that ends it
  while (left > 0) {
    const ssize_t n = write(to_, at, left);
    if (n <= 0) return false;
    at += n;
    left -= static_cast<size_t>(n);
  }
  return true;
}

Json Browser::Receive() {
  for (;;) {
    const size_t end = received_.find('\0');
    if (end != std::string::npos) {
      Json message = Json::parse(received_.substr(0, end), nullptr, false);
      received_.erase(0, end + 1);
      return message;
    }
    pollfd ready = {from_, POLLIN, 0};
    char buffer[65536];
    const ssize_t n =
        poll(&ready, 1, kTimeoutMs) > 0 ? read(from_, buffer, sizeof(buffer)) : ssize_t{-1};
    if (n <= 0) {
      failure_ = n == 0 ? "Chromium has ended" : "Chromium does not answer";
      return nullptr;
    }
    received_.append(buffer, static_cast<size_t>(n));
  }
}

Json Browser::Call(const std::string& method, const Json& params) {
  if (!failure_.empty()) return nullptr;
  const int id = next_id_++;
  Json message = {{"id", id}, {"method", method}, {"params", params}};
  if (!session_.empty()) message["sessionId"] = session_;
  if (!Send(message.dump())) {
    failure_ = "Chromium does not listen";
    return nullptr;
  }
  for (;;) {
    const Json answer = Receive();
    if (answer.is_null()) return nullptr;
    if (answer.value("id", 0) == id) return answer.value("result", Json::object());
    if (answer.contains("method")) Note(answer);
  }
}

void Browser::Note(const Json& event) {
  const std::string method = event["method"];
  const Json params = event.value("params", Json::object());
  if (method == "Page.loadEventFired") is_loaded_ = true;
  if (method == "Runtime.exceptionThrown") errors_.push_back(params.dump());
  if (method == "Runtime.consoleAPICalled" &&
      (params["type"] == "error" || params["type"] == "warning")) {
    errors_.push_back(params.dump());
  }
  if (method == "Log.entryAdded" && params["entry"]["level"] == "error") {
    errors_.push_back(params["entry"].dump());
  }
  if (method == "Network.requestWillBeSent") {
    const std::string url = params["request"]["url"];
    if (!url.starts_with("data:") && params.value("type", "") != "Document") {
      requests_.push_back(url);
    }
  }
}

bool Browser::Open(const std::string& path, const Look& look) {
  Call("Emulation.setDeviceMetricsOverride", {{"width", look.width},
                                              {"height", look.height},
                                              {"deviceScaleFactor", look.is_phone ? 2 : 1},
                                              {"mobile", look.is_phone}});
  Call("Emulation.setEmulatedMedia",
       {{"features", Json::array({{{"name", "prefers-color-scheme"},
                                   {"value", look.is_dark ? "dark" : "light"}}})}});
  errors_.clear();
  requests_.clear();
  is_loaded_ = false;
  const Json opened = Call("Page.navigate", {{"url", "file://" + path}});
  if (opened.contains("errorText")) failure_ = opened["errorText"];
  while (failure_.empty() && !is_loaded_) {
    const Json event = Receive();
    if (event.is_object() && event.contains("method")) Note(event);
  }
  return failure_.empty();
}

Json Browser::Evaluate(const std::string& expression) {
  const Json answer =
      Call("Runtime.evaluate",
           {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (!answer.is_object()) return nullptr;
  if (answer.contains("exceptionDetails")) {
    errors_.push_back(answer["exceptionDetails"].dump());
    return nullptr;
  }
  return answer["result"].value("value", Json());
}

bool Browser::Screenshot(const std::string& path) {
  const Json shot =
      Call("Page.captureScreenshot", {{"format", "png"}, {"captureBeyondViewport", true}});
  std::string png;
  if (!shot.is_object() || !shot.contains("data") ||
      !absl::Base64Unescape(shot["data"].get<std::string>(), &png)) {
    return false;
  }
  std::ofstream file(path, std::ios::binary);
  file << png;
  return file.good();
}

}  // namespace hz3::tool
