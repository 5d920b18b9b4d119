// A shared library for the act `dlopen`: static and thread-local objects that own heap memory, and
// a function whose result the caller frees.

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

std::vector<std::string> loaded(20, std::string(100, 'l'));
thread_local std::vector<std::string> of_this_thread(5, std::string(200, 't'));

}  // namespace

extern "C" __attribute__((visibility("default"))) char* hz3_stress_plugin_work(size_t size) {
  of_this_thread.emplace_back(size, 'w');
  if (of_this_thread.size() > 50) of_this_thread.clear();
  char* text = static_cast<char*>(malloc(size + 1));
  std::memset(text, 'p', size);
  text[size] = '\0';
  return text;
}
