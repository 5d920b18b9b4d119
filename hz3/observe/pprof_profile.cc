#include "hz3/observe/pprof_profile.h"

#include <dlfcn.h>

#include <cerrno>
#include <cmath>
#include <ctime>
#include <new>

#include "hz3/base/text.h"
#include "hz3/base/words.h"
#include "hz3/observe/gzip_writer.h"
#include "hz3/observe/loaded_modules.h"
#include "hz3/observe/proto_message.h"

namespace hz3 {
namespace {

// Field numbers of profile.proto.
namespace profile_field {
constexpr unsigned kSampleType = 1, kSample = 2, kMapping = 3, kLocation = 4, kFunction = 5,
                   kStringTable = 6, kDropFrames = 7, kTimeNanos = 9, kDurationNanos = 10,
                   kPeriodType = 11, kPeriod = 12, kComment = 13, kDefaultSampleType = 14;
}
namespace value_type_field {
constexpr unsigned kType = 1, kUnit = 2;
}
namespace sample_field {
constexpr unsigned kLocationId = 1, kValue = 2;
}
namespace mapping_field {
constexpr unsigned kId = 1, kMemoryStart = 2, kMemoryLimit = 3, kFileOffset = 4, kFilename = 5,
                   kBuildId = 6;
}
namespace location_field {
constexpr unsigned kId = 1, kMappingId = 2, kAddress = 3, kLine = 4;
}
namespace line_field {
constexpr unsigned kFunctionId = 1;
}
namespace function_field {
constexpr unsigned kId = 1, kName = 2, kSystemName = 3;
}

// Where hz3 is part of the program, these are its own frames above the program's: pprof drops a
// frame whose whole name matches, and all that it called.
constexpr char kDropFrames[] =
    "malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|valloc|pvalloc|"
    "operator new.*|_Zn[wa].*|hz3::.*|_ZN3hz3.*";

uint64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t Rounded(double value) { return value <= 0 ? 0 : static_cast<uint64_t>(value + 0.5); }

class Writer {
 public:
  Writer(HeapProfile& profile, int fd) : profile_(profile), out_(fd) {}

  bool Write(const char* default_figure) {
    modules_.Find();
    String("");  // number 0, as the format has it
    WriteTypes(default_figure);
    WriteMappings();
    // Counted before the addresses: those of these sites are all written then.
    const unsigned sites = profile_.site_count();
    WriteLocations();
    WriteSites(sites);
    return out_.Finish();
  }

 private:
  // A string gets the next number.
  uint64_t String(const char* text) {
    ProtoMessage message;
    message.String(profile_field::kStringTable, text);
    Append(message);
    return strings_++;
  }
  void Append(const ProtoMessage& message) {
    if (message.valid()) out_.Append(message.data(), message.size());
  }
  void Field(unsigned field, const ProtoMessage& message) {
    ProtoMessage outer;
    outer.Message(field, message);
    Append(outer);
  }
  void NumberField(unsigned field, uint64_t value) {
    ProtoMessage message;
    message.Number(field, value);
    Append(message);
  }
  static ProtoMessage ValueType(uint64_t type, uint64_t unit) {
    ProtoMessage message;
    message.Number(value_type_field::kType, type).Number(value_type_field::kUnit, unit);
    return message;
  }

  void WriteTypes(const char* default_figure) {
    const HeapProfile::Summary summary = profile_.GetSummary();
    for (const ProfileFigure& figure : kProfileFigures) {
      const uint64_t name = String(figure.name);
      Field(profile_field::kSampleType, ValueType(name, String(figure.unit)));
      if (strcmp(figure.name, default_figure) == 0) {
        NumberField(profile_field::kDefaultSampleType, name);
      }
    }
    const uint64_t space = String("space");
    Field(profile_field::kPeriodType, ValueType(space, String("bytes")));
    NumberField(profile_field::kPeriod, summary.interval);
    NumberField(profile_field::kTimeNanos, NowNs());
    NumberField(profile_field::kDurationNanos, NowNs() - summary.started_ns);
    NumberField(profile_field::kDropFrames, String(kDropFrames));
    if (summary.lost == 0) return;
    char text[100];
    Text(text, sizeof(text)) << summary.lost << " samples or stacks were lost: tables are full";
    NumberField(profile_field::kComment, String(text));
  }

  void WriteMappings() {
    for (unsigned i = 0; i < modules_.count(); ++i) {
      const LoadedModule& module = modules_[i];
      ProtoMessage message;
      message.Number(mapping_field::kId, i + 1)
          .Number(mapping_field::kMemoryStart, module.begin)
          .Number(mapping_field::kMemoryLimit, module.end)
          .Number(mapping_field::kFileOffset, module.offset)
          .Number(mapping_field::kFilename, String(module.path))
          .Number(mapping_field::kBuildId,
                  module.build_id[0] == '\0' ? 0 : String(module.build_id));
      Field(profile_field::kMapping, message);
    }
  }

  void WriteLocations() {
    const unsigned count = profile_.address_count();
    for (unsigned i = 0; i < count; ++i) {
      // Return addresses: the call is before.
      const uintptr_t address = profile_.AddressAt(i) - 1;
      const unsigned module = modules_.IndexOf(address);
      ProtoMessage message;
      message.Number(location_field::kId, i + 1).Number(location_field::kAddress, address);
      if (module < modules_.count()) message.Number(location_field::kMappingId, module + 1);
      if (WriteFunction(i + 1, address)) {
        ProtoMessage line;
        line.Number(line_field::kFunctionId, i + 1);
        message.Message(location_field::kLine, line);
      }
      Field(profile_field::kLocation, message);
    }
  }

  bool WriteFunction(uint64_t id, uintptr_t address) {
    Dl_info info;
    if (dladdr(reinterpret_cast<void*>(address), &info) == 0 || info.dli_sname == nullptr ||
        strlen(info.dli_sname) > ProtoMessage::kMaxBytes / 2) {
      return false;
    }
    const uint64_t name = String(info.dli_sname);
    ProtoMessage message;
    message.Number(function_field::kId, id)
        .Number(function_field::kName, name)
        .Number(function_field::kSystemName, name);
    Field(profile_field::kFunction, message);
    return true;
  }

  void WriteSites(unsigned count) {
    for (uint32_t i = 0; i < count; ++i) {
      const CallSites::Site site = profile_.SiteAt(i);
      const auto value = [&](unsigned k) {
        const ProfileFigure& figure = kProfileFigures[k];
        return Rounded(site.*figure.estimate.*figure.value);
      };
      if (value(0) == 0) continue;  // nothing was allocated in this run
      uint32_t frames[CallStack::kMaxFrames];
      const unsigned all = profile_.FramesOf(site, frames);
      const unsigned own = OwnFrames(frames, all);
      ProtoMessage message;
      message
          .Packed(sample_field::kLocationId, all - own,
                  [&](unsigned k) -> uint64_t { return frames[own + k] + 1; })
          .Packed(sample_field::kValue, kFigures, value);
      Field(profile_field::kSample, message);
    }
  }

  // The innermost frames that lie in hz3's own library.
  unsigned OwnFrames(const uint32_t* frames, unsigned n) {
    const unsigned own = modules_.OwnLibrary();
    unsigned skip = 0;
    while (own < modules_.count() && skip < n &&
           modules_.IndexOf(profile_.AddressAt(frames[skip]) - 1) == own) {
      ++skip;
    }
    return skip;
  }

  HeapProfile& profile_;
  GzipWriter out_;
  uint64_t strings_ = 0;
  LoadedModules modules_;
};

}  // namespace

int WritePprofProfile(HeapProfile& profile, OsMemory& os, const char* default_figure, int fd) {
  const size_t bytes = RoundUp(sizeof(Writer), kPageSize);
  void* memory = os.Reserve(bytes, kPageSize);
  if (memory == nullptr) return ENOMEM;
  int error = ENOMEM;
  if (os.Commit(memory, bytes)) {
    Writer* writer = new (memory) Writer(profile, fd);
    error = writer->Write(default_figure) ? 0 : errno;
  }
  os.Release(memory, bytes);
  return error;
}

}  // namespace hz3
