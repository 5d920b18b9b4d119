#include "bench/real/compilers.h"

#include <string>

namespace hz3::bench {
namespace {

constexpr char kHeaders[] =
    "#include <algorithm>\n#include <functional>\n#include <iostream>\n#include <map>\n"
    "#include <regex>\n#include <set>\n#include <string>\n#include <unordered_map>\n"
    "#include <variant>\n#include <vector>\n"
    "template <int N> struct Sum { static constexpr long value = N + Sum<N - 1>::value; };\n"
    "template <> struct Sum<0> { static constexpr long value = 0; };\n"
    "template <int N> struct Tag {\n"
    "  int number = N;\n"
    "  bool operator<(const Tag& other) const { return number < other.number; }\n"
    "};\n";

// A function with containers of types that no other function has, so that all is instantiated anew.
std::string Function(int number) {
  const std::string n = std::to_string(number);
  const std::string tag = "Tag<" + n + ">";
  return "long F" + n + "(int x) {\n" +                                    //
         "  std::map<std::string, std::vector<" + tag + ">> by_name;\n" +  //
         "  std::set<" + tag + "> tags;\n" +                               //
         "  std::variant<" + tag + ", std::string> either;\n" +            //
         "  for (int i = 0; i < x; ++i) {\n" +                             //
         "    by_name[std::to_string(i % 17)].push_back({i});\n" +         //
         "    tags.insert({i});\n" +                                       //
         "  }\n" +                                                         //
         "  std::function<long(" + tag + ")> f = [](" + tag + " t) { return t.number; };\n" +
         "  long sum = Sum<" + std::to_string(number * 4) + ">::value + f({x});\n" +  //
         "  for (auto& [name, list] : by_name) {\n" +                                 //
         "    std::sort(list.begin(), list.end());\n" +                               //
         "    sum += long(name.size() * list.size() + tags.size() + either.index());\n" +
         "  }\n  return sum;\n}\n";
}

std::string CxxSource(const RealPlace& place, int functions) {
  std::string source = kHeaders;
  for (int i = 0; i < Scaled(place, functions); ++i) source += Function(i);
  return source;
}

std::string CSource(const RealPlace& place) {
  std::string source = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n";
  for (int i = 0; i < Scaled(place, 500); ++i) {
    const std::string n = std::to_string(i);
    source += "struct s" + n + " { int a[" + std::to_string(i % 9 + 1) + "]; char *name; };\n" +
              "int f" + n + "(struct s" + n + " *s, int x) {\n" +
              "  for (int i = 0; i < x; ++i) {\n    if (i % 3 == " + std::to_string(i % 3) +
              ") s->a[0] ^= i * " + n + "; else s->a[0] += (int)strlen(s->name);\n  }\n" +
              "  return s->a[0];\n}\n";
  }
  return source;
}

std::function<std::string(const RealPlace&)> Cxx(int functions) {
  return [functions](const RealPlace& place) { return CxxSource(place, functions); };
}

}  // namespace

// -S: the compiler itself, without the assembler.
std::vector<RealRow> CompilerRows() {
  return {MakeFileRow({"gcc_c",
                       "gcc -O1 of 500 C functions",
                       "many.c",
                       CSource,
                       {"gcc", "-O1", "-S", "-o", "many.s", "many.c"}}),
          MakeFileRow({"gxx_syntax",
                       "g++ -fsyntax-only of C++ with many templates",
                       "wide.cc",
                       Cxx(15),
                       {"g++", "-std=c++17", "-fsyntax-only", "wide.cc"}}),
          MakeFileRow({"gxx_o1",
                       "g++ -O1 of C++ with templates",
                       "deep.cc",
                       Cxx(5),
                       {"g++", "-std=c++17", "-O1", "-S", "-o", "deep.s", "deep.cc"}}),
          MakeFileRow({"clang_syntax",
                       "clang++ -fsyntax-only of C++ with many templates",
                       "wide.cc",
                       Cxx(15),
                       {"clang++", "-std=c++17", "-fsyntax-only", "wide.cc"}})};
}

}  // namespace hz3::bench
