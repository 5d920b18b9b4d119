"""Tests of the whole allocator: one source, run linked with hz3, preloaded, and on the libc."""

load("@rules_cc//cc:defs.bzl", "cc_library", "cc_test")
load("//:copts.bzl", "HZ3_WARNINGS")
load("//testing/lib:sanitizers.bzl", "args_unless_sanitizer", "unless_sanitizer")

_FAST = "//hz3:libhakozuna_hz3_fast.so"
_HARDENED = "//hz3:libhakozuna_hz3_hardened.so"

def hz3_integration_test(
        name,
        deps = [],
        size = "small",
        linked_args = [],
        preloaded = True,
        hardened = False,
        control = True,
        copts = []):
    """Declares `name` (linked, in the command line's lane), `name`_fast (preloaded), `name`_libc.

    With `hardened` also `name`_hardened (preloaded).

    Args:
      name: the source is name.cc.
      deps: in addition to googletest and the tests' main function.
      size: as of cc_test.
      linked_args: arguments of the linked test only.
      preloaded: whether to run it on the preloaded fast lane too.
      hardened: whether to run it on the preloaded hardened library; not what counts pages exactly.
      control: whether to declare the manual run on the libc's malloc, which checks the test itself.
      copts: in addition to the warnings.
    """
    cc_library(
        name = name + "_main",
        testonly = True,
        srcs = [name + ".cc"],
        copts = HZ3_WARNINGS + ["-fno-builtin"] + copts,
        linkstatic = True,
        deps = deps + [
            "//testing/lib:allocator_under_test",
            "//testing/lib:test_main",
            "@com_google_googletest//:gtest",
        ],
        alwayslink = True,
    )
    common = {
        "linkopts": ["-ldl"],
        "linkstatic": True,
        "size": size,
        "deps": [":" + name + "_main"],
    }
    cc_test(
        name = name,
        args = args_unless_sanitizer(["--allocator=hz3"] + linked_args),
        malloc = "//hz3:malloc",
        **common
    )
    preloads = ([("fast", _FAST, "fast")] if preloaded else []) + (
        [("hardened", _HARDENED, "scale")] if hardened else []
    )
    for suffix, library, lane in preloads:
        cc_test(
            name = name + "_" + suffix,
            args = args_unless_sanitizer([
                "--preload=$(location %s)" % library,
                "--allocator=hz3",
                "--lane=" + lane,
            ]),
            data = unless_sanitizer([library]),
            **common
        )
    if control:
        cc_test(
            name = name + "_libc",
            args = args_unless_sanitizer(["--allocator=libc"]),
            tags = ["manual"],
            **common
        )
