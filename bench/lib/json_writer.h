// Writes JSON text with indentation. The caller is trusted to close what it opens and to name
// members only inside objects. Not thread-safe.
#ifndef BENCH_LIB_JSON_WRITER_H_
#define BENCH_LIB_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace hz3::bench {

class JsonWriter {
 public:
  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }

  // The name of the next value in an object.
  void Key(std::string_view name);

  void String(std::string_view value);
  void Int(int64_t value) { Raw(std::to_string(value)); }
  void Uint(uint64_t value) { Raw(std::to_string(value)); }
  // Infinities and NaN, which JSON has no words for, become null.
  void Double(double value);
  void Bool(bool value) { Raw(value ? "true" : "false"); }
  // Text that is JSON already.
  void Raw(std::string_view json);

  // The text so far, ended by a newline.
  std::string Text() const { return text_ + "\n"; }

 private:
  void Open(char bracket);
  void Close(char bracket);
  void BeforeValue();
  void NewLine();

  std::string text_;
  size_t depth_ = 0;
  bool first_in_scope_ = true;
  bool after_key_ = false;
};

// The string with quotes and escapes as JSON wants it.
std::string JsonQuote(std::string_view value);

// Writes `text` to the file, replacing it. False, with errno set, when that failed.
bool WriteFile(const std::string& path, std::string_view text);

}  // namespace hz3::bench

#endif  // BENCH_LIB_JSON_WRITER_H_
