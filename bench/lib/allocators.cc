#include "bench/lib/allocators.h"

#include <unistd.h>

#include <array>

#include "bench/lib/runfiles.h"

namespace hz3::bench {
namespace {

// Debian's multiarch directories first, then those of other distributions.
constexpr std::array kLibraryDirs = {
#if defined(__x86_64__)
    "/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
    "/usr/lib/aarch64-linux-gnu",
#endif
    "/usr/lib64", "/usr/lib", "/usr/local/lib"};

struct KnownPeer {
  const char* name;
  const char* file;
};
constexpr std::array kKnownPeers = {KnownPeer{"mimalloc", "libmimalloc.so.2.0"},
                                    KnownPeer{"jemalloc", "libjemalloc.so.2"},
                                    KnownPeer{"tcmalloc", "libtcmalloc_minimal.so.4"}};

bool IsReadable(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

std::string FindLibrary(const std::string& file) {
  for (const char* dir : kLibraryDirs) {
    const std::string path = std::string(dir) + "/" + file;
    if (IsReadable(path)) return path;
  }
  return "";
}

}  // namespace

std::vector<Allocator> OurAllocators(std::string_view argv0) {
  std::vector<Allocator> found;
  for (const char* lane : {"scale", "fast"}) {
    const std::string file = std::string("hz3/libhakozuna_hz3_") + lane + ".so";
    const std::string path = FindRunfile(argv0, file);
    if (!path.empty()) found.push_back({std::string("hz3-") + lane, path, true});
  }
  return found;
}

std::vector<Allocator> PeerAllocators() {
  std::vector<Allocator> found = {{"glibc", "", false}};
  for (const KnownPeer& peer : kKnownPeers) {
    const std::string path = FindLibrary(peer.file);
    if (!path.empty()) found.push_back({peer.name, path, false});
  }
  return found;
}

std::optional<Allocator> ParsePeer(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) return std::nullopt;
  const std::string path(text.substr(equals + 1));
  if (!IsReadable(path)) return std::nullopt;
  return Allocator{std::string(text.substr(0, equals)), path, false};
}

}  // namespace hz3::bench
