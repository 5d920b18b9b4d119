#include <string>

#include "gtest/gtest.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

constexpr int kFunctions = 12;

// Templates, containers and a regex: what makes a compiler allocate.
std::string GeneratedProgram() {
  std::string source =
      "#include <algorithm>\n#include <iostream>\n#include <map>\n#include <regex>\n"
      "#include <set>\n#include <string>\n#include <vector>\n"
      "template <int N> struct Sum { static constexpr long value = N + Sum<N - 1>::value; };\n"
      "template <> struct Sum<0> { static constexpr long value = 0; };\n"
      "template <int N> struct Tag { int number = N; bool operator<(const Tag& t) const { return "
      "number < t.number; } };\n";
  for (int i = 0; i < kFunctions; ++i) {
    const std::string n = std::to_string(i);
    source += "long f" + n + "(int x) { std::map<std::string, std::vector<Tag<" + n + ">>> m;\n" +
              "  for (int j = 0; j < x; ++j) m[std::to_string(j * " + n +
              " % 17)].push_back({});\n" + "  long s = Sum<" + std::to_string(i * 10) +
              ">::value;\n" +
              "  for (auto& [k, v] : m) s += long(k.size() * v.size());\n  return s; }\n";
  }
  source += "int main() { long s = 0;\n";
  for (int i = 0; i < kFunctions; ++i) source += "  s += f" + std::to_string(i) + "(200);\n";
  source +=
      "  std::regex r(\"([a-z]+)=([0-9]+)\"); std::string t = \"a=1 bc=22 def=333\";\n"
      "  for (std::sregex_iterator i(t.begin(), t.end(), r), e; i != e; ++i) std::cout << (*i)[1] "
      "<< ' ' << (*i)[2] << '\\n';\n"
      "  std::cout << s << '\\n'; }\n";
  return source;
}

TEST(Compiler, GetsItsMemoryFromTheLibrary) {
  HZ3_NEEDS_PROGRAMS("g++");
  ExpectMallocComesFromLibrary({"g++", "--version"});
}

TEST(Compiler, MakesTheSameObjectFileAndTheSameProgram) {
  HZ3_NEEDS_PROGRAMS("g++");
  ExpectSameWithPreload([](Session& session) {
    session.Write("program.cc", GeneratedProgram());
    session.Run({"g++", "-std=c++17", "-O1", "-c", "program.cc", "-o", "program.o"});
    session.Run({"sha256sum", "program.o"});
    session.Run({"g++", "program.o", "-o", "program"});
    session.Run({"./program"});
  });
}

TEST(Compiler, CompilesCTheSame) {
  HZ3_NEEDS_PROGRAMS("gcc");
  ExpectSameWithPreload([](Session& session) {
    std::string source = "#include <stdio.h>\n";
    for (int i = 0; i < 600; ++i) {
      const std::string n = std::to_string(i);
      source +=
          "int g" + n + "(int x) { for (int i = 0; i < x; ++i) x ^= i * " + n + "; return x; }\n";
    }
    source += "int main(void) { printf(\"%d\\n\", g7(100) + g599(5)); return 0; }\n";
    session.Write("many.c", source);
    session.Run({"gcc", "-O2", "-pipe", "many.c", "-o", "many"});
    session.Run({"./many"});
    session.Run({"sha256sum", "many"});
  });
}

}  // namespace
}  // namespace hz3::testlib
