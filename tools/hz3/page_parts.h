// PageParts: the files that the page is made of, built into the program.
#ifndef TOOLS_HZ3_PAGE_PARTS_H_
#define TOOLS_HZ3_PAGE_PARTS_H_

namespace hz3::tool {

extern const char* const kPageStyle;     // page.css
extern const char* const kPageBody;      // page.html
extern const char* const kPageScript;    // page.js
extern const char* const kChartLibrary;  // Chart.js

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_PAGE_PARTS_H_
