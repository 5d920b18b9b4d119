#include "tools/hz3/page.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "bench/lib/json_writer.h"
#include "tools/hz3/page_parts.h"

namespace hz3::tool {
namespace {

using Json = nlohmann::json;

// JSON in a script element: nothing in it may end the element or begin a comment.
std::string ScriptSafe(const std::string& json) {
  return absl::StrReplaceAll(json, {{"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}});
}

std::string HtmlSafe(const std::string& text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

}  // namespace

std::string PageHtml(const PageData& data) {
  const Json json = {{"title", data.title},
                     {"recordings", data.recordings},
                     {"gates", data.gates},
                     {"profiles", data.profiles}};
  // What a program is called need not be UTF-8.
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      // Whatever the data holds, the page loads nothing and sends nothing.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n<title>",
      HtmlSafe(data.title), "</title>\n<style>\n", kPageStyle, "</style>\n</head>\n<body>\n",
      kPageBody, "<script type=\"application/json\" id=\"data\">", ScriptSafe(text),
      "</script>\n<script>\n", kChartLibrary, "</script>\n<script>\n", kPageScript,
      "</script>\n</body>\n</html>\n");
}

absl::Status WriteTextFile(const std::string& path, const std::string& text) {
  if (bench::WriteFile(path, text)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
}

}  // namespace hz3::tool
