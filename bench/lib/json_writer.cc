#include "bench/lib/json_writer.h"

#include <cmath>
#include <cstdio>

namespace hz3::bench {

void JsonWriter::Key(std::string_view name) {
  BeforeValue();
  text_ += JsonQuote(name) + ": ";
  after_key_ = true;
}

void JsonWriter::String(std::string_view value) { Raw(JsonQuote(value)); }

void JsonWriter::Double(double value) {
  if (!std::isfinite(value)) return Raw("null");
  char digits[40];
  std::snprintf(digits, sizeof(digits), "%.10g", value);
  Raw(digits);
}

void JsonWriter::Raw(std::string_view json) {
  BeforeValue();
  text_ += json;
}

void JsonWriter::Open(char bracket) {
  BeforeValue();
  text_ += bracket;
  ++depth_;
  first_in_scope_ = true;
}

void JsonWriter::Close(char bracket) {
  --depth_;
  if (!first_in_scope_) NewLine();
  text_ += bracket;
  first_in_scope_ = false;
}

// A value behind its key needs nothing; any other one a comma and a line of its own.
void JsonWriter::BeforeValue() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_in_scope_) text_ += ',';
  if (depth_ > 0) NewLine();
  first_in_scope_ = false;
}

void JsonWriter::NewLine() {
  text_ += '\n';
  text_.append(depth_ * 2, ' ');
}

std::string JsonQuote(std::string_view value) {
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

bool WriteFile(const std::string& path, std::string_view text) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

}  // namespace hz3::bench
