"""Tests that run real programs under LD_PRELOAD: one test target per program and lane."""

load("@rules_cc//cc:defs.bzl", "cc_library", "cc_test")
load("//:copts.bzl", "HZ3_WARNINGS")
load("//testing/lib:sanitizers.bzl", "args_unless_sanitizer", "unless_sanitizer")

# Each library, and the lane that it says it is.
_LANES = {
    "scale": "scale",
    "fast": "fast",
    "hardened": "scale",
}

def hz3_preload_test(name, size = "medium", deps = [], probe = None):
    """Declares `name`_scale, `name`_fast and `name`_hardened.

    Args:
      name: the source is name.cc.
      size: as of cc_test.
      deps: in addition to the session and googletest.
      probe: a program that the test gets as its second argument; the third is then the lane.
    """
    cc_library(
        name = name + "_main",
        testonly = True,
        srcs = [name + ".cc"],
        copts = HZ3_WARNINGS,
        linkstatic = True,
        deps = deps + [
            ":session",
            "//testing/lib:process_memory",
            "//testing/lib:subprocess",
            "//testing/lib:test_main",
            "@com_google_googletest//:gtest",
        ],
        alwayslink = True,
    )
    for suffix, lane in _LANES.items():
        library = "//hz3:libhakozuna_hz3_%s.so" % suffix
        more_args = ["$(location %s)" % probe, lane] if probe else []
        cc_test(
            name = name + "_" + suffix,
            size = size,
            args = args_unless_sanitizer(["$(location %s)" % library] + more_args),
            data = unless_sanitizer([library] + ([probe] if probe else [])),
            linkopts = ["-ldl"],
            linkstatic = True,
            deps = [":" + name + "_main"],
        )
