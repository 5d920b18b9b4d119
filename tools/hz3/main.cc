// hz3: one command for people who run programs on hz3. docs/hz3_command.md says how to use it.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "hz3/config/build_flags.h"
#include "tools/hz3/commands.h"
#include "tools/hz3/flags.h"

namespace hz3::tool {
namespace {

struct Command {
  std::string_view name;
  std::string_view usage;
  std::string_view summary;
  std::string_view details;
  std::vector<std::string_view> flags;
  bool takes_program;
  int (*run)(const CommandLine& line, std::string_view argv0);
};

const std::vector<Command>& Commands() {
  static const std::vector<Command> commands = {
      {"run",
       "[flags] [--] program [args ...]",
       "run a program on hz3",
       "With --stats or --json it says, when the program has ended, what it needed of memory.\n"
       "With --heap_profile it writes which call sites allocated what (for hz3 report and pprof),\n"
       "with --leak_report what was not freed, of processes that it starts, too.\n"
       "Ends as the program does; 127 when there is no such program, 126 when it cannot be run.\n",
       {"lane", "library", "stats", "json", "heap_profile", "leak_report", "profile_interval"},
       true,
       RunCommand},
      {"top",
       "[flags] pid",
       "watch the heap of a running process",
       "Looks again and again, and never stops the process. Ctrl-C ends it.\n",
       {"interval_ms", "iterations", "color"},
       false,
       TopCommand},
      {"map",
       "[flags] pid",
       "draw the heap of a running process, page by page",
       "Each segment of 2 MiB is a tile of 512 pages. The process is never stopped, so a page may\n"
       "be seen in the middle of a change.\n",
       {"html", "tiles", "color"},
       false,
       MapCommand},
      {"record",
       "[flags] [--] program [args ...]",
       "run a program on hz3 and record its heap",
       "Writes a look at the heap every --interval_ms, less often as the recording grows.\n"
       "With --pid it records a process that runs already.\n",
       {"output", "interval_ms", "duration_s", "iterations", "pid", "lane", "library"},
       true,
       RecordCommand},
      {"report",
       "[flags] file ...",
       "make a page of recordings, heap profiles and the gate's JSON files",
       "Files are recordings of hz3 record, heap profiles of hz3 run --heap_profile, or JSON files\n"
       "of the gate or of bench:peers, oldest first. The page is complete in itself and works\n"
       "offline.\n",
       {"output", "gate", "partial"},
       false,
       ReportCommand},
  };
  return commands;
}

void PrintOverview(std::FILE* out) {
  std::fprintf(out, "usage: hz3 <command> ...\n\n");
  for (const Command& command : Commands()) {
    std::fprintf(out, "  hz3 %-7s %s\n", std::string(command.name).c_str(),
                 std::string(command.summary).c_str());
  }
  std::fprintf(out, "\nhz3 <command> --help says more; hz3 --version is hz3's version.\n");
}

int PrintHelp(const Command& command) {
  std::printf("usage: hz3 %s %s\n\n%s\nflags:\n%s", std::string(command.name).c_str(),
              std::string(command.usage).c_str(), std::string(command.details).c_str(),
              FlagsHelp(command.flags).c_str());
  return 0;
}

const Command* Find(std::string_view name) {
  for (const Command& command : Commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

int Unknown(const std::string& name) {
  std::fprintf(stderr, "hz3: there is no command '%s' (see hz3 --help)\n", name.c_str());
  return 2;
}

int HelpOn(const std::vector<std::string>& args) {
  if (args.empty()) {
    PrintOverview(stdout);
    return 0;
  }
  const Command* command = Find(args[0]);
  return command == nullptr ? Unknown(args[0]) : PrintHelp(*command);
}

int PrintVersion() {
  std::printf("hz3 %s\n", kBuildVersion);
  return 0;
}

int Execute(const Command& command, const std::vector<std::string>& args, std::string_view argv0) {
  const auto line = ReadCommandLine(args, command.flags, command.takes_program);
  if (!line.ok()) return Fail(command.name, line.status());
  if (line->help) return PrintHelp(command);
  return command.run(*line, argv0);
}

int Main(int argc, char** argv) {
  const std::string argv0 = argc > 0 ? argv[0] : "hz3";
  std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (args.empty()) {
    PrintOverview(stderr);
    return 2;
  }
  const std::string name = args[0];
  args.erase(args.begin());
  if (name == "help" || name == "--help" || name == "-h") return HelpOn(args);
  if (name == "version" || name == "--version") return PrintVersion();
  const Command* command = Find(name);
  return command == nullptr ? Unknown(name) : Execute(*command, args, argv0);
}

}  // namespace
}  // namespace hz3::tool

int main(int argc, char** argv) { return hz3::tool::Main(argc, argv); }
