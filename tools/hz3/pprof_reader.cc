#include "tools/hz3/pprof_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace hz3::tool {
namespace {

absl::Status Broken(std::string_view what) {
  return absl::DataLossError(absl::StrCat("not a heap profile: ", what));
}

// -- gzip, RFC 1952, of stored blocks, RFC 1951 --------------------------------------------------

constexpr size_t kGzipHeader = 10;
constexpr size_t kGzipTail = 8;
constexpr size_t kBlockHeader = 5;

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

uint32_t Crc(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
  }
  return ~crc;
}

absl::StatusOr<std::string> Unzipped(std::string_view file) {
  if (file.size() < kGzipHeader + kGzipTail || file[3] != 0) return Broken("its gzip header");
  std::string_view rest = file.substr(kGzipHeader, file.size() - kGzipHeader - kGzipTail);
  std::string content;
  for (bool last = false; !last;) {
    if (rest.size() < kBlockHeader) return Broken("it is cut off");
    if ((rest[0] & 6) != 0) {
      return absl::UnimplementedError("the profile is compressed: gunzip it first");
    }
    last = (rest[0] & 1) != 0;
    const uint32_t n = LittleEndian(rest.substr(1, 2));
    if (n != (~LittleEndian(rest.substr(3, 2)) & 0xffff)) return Broken("a block's length");
    rest.remove_prefix(kBlockHeader);
    if (rest.size() < n) return Broken("it is cut off");
    content.append(rest.substr(0, n));
    rest.remove_prefix(n);
  }
  const std::string_view tail = file.substr(file.size() - kGzipTail);
  if (!rest.empty() || LittleEndian(tail.substr(4)) != (content.size() & 0xffffffff) ||
      LittleEndian(tail.substr(0, 4)) != Crc(content)) {
    return Broken("its checksum");
  }
  return content;
}

// -- Protocol Buffers -----------------------------------------------------------------------------

struct Field {
  uint32_t number = 0;
  uint64_t value = 0;      // of a number
  std::string_view bytes;  // of anything with a length
  bool has_bytes = false;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view message) : rest_(message) {}

  // False at the end, or when what follows is no field: then ok() is false.
  bool Next(Field* field) {
    uint64_t key;
    if (rest_.empty() || !ok_ || !Varint(&key)) return false;
    *field = Field();
    field->number = static_cast<uint32_t>(key >> 3);
    switch (key & 7) {
      case 0:
        return Varint(&field->value);
      case 1:
        return Skip(8);
      case 2:
        return Bytes(field);
      case 5:
        return Skip(4);
      default:
        return ok_ = false;
    }
  }
  bool Varint(uint64_t* value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      *value |= uint64_t{byte & 127u} << shift;
      if (byte < 128) return true;
    }
    return ok_ = false;
  }
  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }

 private:
  bool Bytes(Field* field) {
    uint64_t n;
    if (!Varint(&n) || n > rest_.size()) return ok_ = false;
    field->has_bytes = true;
    field->bytes = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return true;
  }
  bool Skip(size_t n) {
    if (rest_.size() < n) return ok_ = false;
    rest_.remove_prefix(n);
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
};

// Calls f(field) for all fields of the message. False when it is broken.
template <typename F>
bool ForEachField(std::string_view message, F f) {
  FieldReader reader(message);
  Field field;
  while (reader.Next(&field)) f(field);
  return reader.ok();
}

// A repeated number, packed or not.
template <typename T>
bool AppendNumbers(const Field& field, std::vector<T>* out) {
  if (!field.has_bytes) {
    out->push_back(static_cast<T>(field.value));
    return true;
  }
  FieldReader reader(field.bytes);
  uint64_t value;
  while (!reader.empty() && reader.Varint(&value)) out->push_back(static_cast<T>(value));
  return reader.ok();
}

// -- Profile --------------------------------------------------------------------------------------

// Strings may come after those who name them, so numbers of strings are kept until the end.
class Parser {
 public:
  absl::StatusOr<PprofProfile> Parse(std::string_view message) {
    const bool whole = ForEachField(message, [this](const Field& field) { Add(field); });
    if (!whole || !ok_) return Broken("a message is broken");
    if (figures_.empty() || strings_.empty()) return Broken("it has no figures");
    Name();
    for (const PprofSample& sample : profile_.samples) {
      if (sample.values.size() != figures_.size()) return Broken("a sample's values");
      for (const uint64_t id : sample.locations) {
        if (!profile_.locations.contains(id)) return Broken("a sample's locations");
      }
    }
    return std::move(profile_);
  }

 private:
  using Pair = std::pair<uint64_t, uint64_t>;

  void Add(const Field& field) {
    switch (field.number) {
      case 1:
        figures_.push_back(TwoNumbers(field.bytes));
        break;
      case 2:
        AddSample(field.bytes);
        break;
      case 3:
        AddMapping(field.bytes);
        break;
      case 4:
        AddLocation(field.bytes);
        break;
      case 5:
        functions_.insert(TwoNumbers(field.bytes));
        break;
      case 6:
        strings_.emplace_back(field.bytes);
        break;
      case 7:
        drop_frames_ = field.value;
        break;
      case 12:
        profile_.period = static_cast<int64_t>(field.value);
        break;
      case 13:
        ok_ = ok_ && AppendNumbers(field, &comments_);
        break;
      case 14:
        default_figure_ = field.value;
        break;
      default:
        break;
    }
  }

  // The fields 1 and 2 of a message: type and unit, id and name.
  Pair TwoNumbers(std::string_view message) {
    uint64_t numbers[3] = {};
    ok_ = ForEachField(message,
                       [&](const Field& field) {
                         if (field.number <= 2) numbers[field.number] = field.value;
                       }) &&
          ok_;
    return {numbers[1], numbers[2]};
  }

  void AddSample(std::string_view message) {
    PprofSample sample;
    bool numbers = true;
    const bool whole = ForEachField(message, [&](const Field& field) {
      if (field.number == 1) numbers = AppendNumbers(field, &sample.locations) && numbers;
      if (field.number == 2) numbers = AppendNumbers(field, &sample.values) && numbers;
    });
    ok_ = ok_ && whole && numbers;
    profile_.samples.push_back(std::move(sample));
  }

  void AddMapping(std::string_view message) {
    uint64_t numbers[7] = {};
    ok_ = ForEachField(message,
                       [&](const Field& field) {
                         if (field.number <= 6) numbers[field.number] = field.value;
                       }) &&
          ok_;
    PprofMapping& mapping = profile_.mappings[numbers[1]];
    mapping.begin = numbers[2];
    mapping.end = numbers[3];
    mapping.offset = numbers[4];
    mapping_names_[numbers[1]] = {numbers[5], numbers[6]};
  }

  void AddLocation(std::string_view message) {
    uint64_t id = 0;
    PprofLocation location;
    uint64_t function = 0;
    ok_ = ForEachField(message,
                       [&](const Field& field) {
                         if (field.number == 1) id = field.value;
                         if (field.number == 2) location.mapping = field.value;
                         if (field.number == 3) location.address = field.value;
                         if (field.number == 4) function = TwoNumbers(field.bytes).first;
                       }) &&
          ok_;
    profile_.locations[id] = location;
    location_functions_[id] = function;
  }

  std::string String(uint64_t number) const {
    return number < strings_.size() ? strings_[number] : std::string();
  }

  void Name() {
    for (const auto& [type, unit] : figures_) {
      profile_.figures.push_back({String(type), String(unit)});
    }
    profile_.default_figure = String(default_figure_);
    profile_.drop_frames = String(drop_frames_);
    for (const uint64_t comment : comments_) profile_.comments.push_back(String(comment));
    for (auto& [id, mapping] : profile_.mappings) {
      mapping.file = String(mapping_names_[id].first);
      mapping.build_id = String(mapping_names_[id].second);
    }
    for (auto& [id, location] : profile_.locations) {
      const auto function = functions_.find(location_functions_[id]);
      if (function != functions_.end()) location.function = String(function->second);
    }
  }

  PprofProfile profile_;
  bool ok_ = true;
  std::vector<std::string> strings_;
  std::vector<Pair> figures_;
  std::map<uint64_t, uint64_t> functions_;  // id to name
  std::map<uint64_t, Pair> mapping_names_;  // id to file and build id
  std::map<uint64_t, uint64_t> location_functions_;
  std::vector<uint64_t> comments_;
  uint64_t drop_frames_ = 0;
  uint64_t default_figure_ = 0;
};

}  // namespace

int PprofProfile::FigureIndex(std::string_view name) const {
  for (size_t i = 0; i < figures.size(); ++i) {
    if (figures[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

bool LooksLikeGzip(std::string_view file) { return file.starts_with("\x1f\x8b\x08"); }

absl::StatusOr<PprofProfile> ParsePprof(std::string_view file) {
  if (!LooksLikeGzip(file)) return Parser().Parse(file);
  const auto content = Unzipped(file);
  return content.ok() ? Parser().Parse(*content) : content.status();
}

}  // namespace hz3::tool
