// Browser: a headless Chromium with one page, driven through the pipe of its DevTools protocol.
#ifndef TOOLS_HZ3_TESTING_BROWSER_H_
#define TOOLS_HZ3_TESTING_BROWSER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace hz3::tool {

// The path of Chromium on this machine; empty when there is none.
std::string FindChromium();

class Browser {
 public:
  // Starts `chromium` with an empty profile in `profile`. Check started().
  Browser(const std::string& chromium, const std::string& profile);
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  bool started() const { return !session_.empty(); }
  // What kept it from starting, or broke it since.
  const std::string& failure() const { return failure_; }

  struct Look {
    int width = 1200;
    int height = 900;
    bool is_phone = false;
    bool is_dark = false;
  };
  // Opens the file and waits until it is loaded.
  bool Open(const std::string& path, const Look& look);
  // The value of an expression in the page; null when it threw, which counts as an error.
  nlohmann::json Evaluate(const std::string& expression);
  // The whole page, as far as it scrolls, as a PNG file.
  bool Screenshot(const std::string& path);

  // Exceptions, and errors and warnings on the console, since Open.
  const std::vector<std::string>& errors() const { return errors_; }
  // Addresses that the page asked for since Open, its own left out.
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  nlohmann::json Call(const std::string& method, const nlohmann::json& params);
  bool Start(const std::string& chromium, const std::string& profile);
  bool Send(const std::string& message);
  nlohmann::json Receive();
  void Note(const nlohmann::json& event);

  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  int next_id_ = 1;
  std::string received_;
  std::string session_;
  std::string failure_;
  bool is_loaded_ = false;
  std::vector<std::string> errors_;
  std::vector<std::string> requests_;
};

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_TESTING_BROWSER_H_
