"""What is installed, and where."""

load("//:version.bzl", "HZ3_SOVERSION", "HZ3_VERSION")

LANES = [
    "fast",
    "hardened",
    "scale",
]

_PAGES = [
    "containers.md",
    "hardening.md",
    "heaps.md",
    "hz3_command.md",
    "packages.md",
    "stats.md",
    "switches.md",
]

def _shared_library(lane):
    return "libhakozuna_hz3_%s.so" % lane

def installed_files(libdir):
    """The files that are installed.

    Args:
      libdir: where libraries go, below the prefix.

    Returns:
      files of hz3_package.
    """
    data = {
        "//hz3:public_headers": "include/",
        ":changelog": "share/doc/hz3/changelog.gz",
        ":copyright": "share/doc/hz3/copyright",
        ":filled/hz3_malloc_extension.3.in": "share/man/man3/hz3_malloc_extension.3.gz",
        ":hz3.1.in": "share/man/man1/hz3.1.gz",
        ":hz3.pc.in": libdir + "/pkgconfig/hz3.pc",
        ":hz3Config.cmake.in": libdir + "/cmake/hz3/hz3Config.cmake",
        ":hz3ConfigVersion.cmake.in": libdir + "/cmake/hz3/hz3ConfigVersion.cmake",
        ":libhakozuna_hz3.a": libdir + "/libhakozuna_hz3.a",
    }
    for lane in LANES:
        name = _shared_library(lane)
        data[":stripped/" + name] = "%s/%s.%s" % (libdir, name, HZ3_VERSION)
    for page in _PAGES:
        data["//docs:" + page] = "share/doc/hz3/" + page
    files = {label: "0644 " + path for label, path in data.items()}
    files[":stripped/hz3"] = "0755 bin/hz3"
    return files

def installed_links(libdir):
    """The symbolic links of the shared libraries: the loader's name, and the compiler's.

    Args:
      libdir: where libraries go, below the prefix.

    Returns:
      links of hz3_package.
    """
    links = {}
    for name in [_shared_library(lane) for lane in LANES]:
        loaded = "%s.%s" % (name, HZ3_SOVERSION)
        links["%s/%s" % (libdir, loaded)] = "%s.%s" % (name, HZ3_VERSION)
        links["%s/%s" % (libdir, name)] = loaded

    # What -lhakozuna_hz3 means unless the program is linked statically.
    links[libdir + "/libhakozuna_hz3.so"] = _shared_library("scale") + "." + HZ3_SOVERSION
    return links
