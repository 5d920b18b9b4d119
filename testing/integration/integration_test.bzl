"""Tests of the whole allocator: one source, run linked with hz3, preloaded, and on the libc."""

load("@rules_cc//cc:defs.bzl", "cc_library", "cc_test")
load("//:copts.bzl", "HZ3_WARNINGS")

# The sanitizer owns malloc there: what these tests ask for is not its interface.
NOT_UNDER_SANITIZERS = select({
    "//hz3/config:asan": ["@platforms//:incompatible"],
    "//hz3/config:tsan": ["@platforms//:incompatible"],
    "//conditions:default": [],
})

_FAST = "//hz3:libhakozuna_hz3_fast.so"

def hz3_integration_test(
        name,
        deps = [],
        size = "small",
        linked_args = [],
        preloaded = True,
        control = True):
    """Declares `name` (linked, in the command line's lane), `name`_fast (preloaded), `name`_libc.

    Args:
      name: the source is name.cc.
      deps: in addition to googletest and the tests' main function.
      size: as of cc_test.
      linked_args: arguments of the linked test only.
      preloaded: whether to run it on the preloaded fast lane too.
      control: whether to declare the manual run on the libc's malloc, which checks the test itself.
    """
    cc_library(
        name = name + "_main",
        testonly = True,
        srcs = [name + ".cc"],
        copts = HZ3_WARNINGS + ["-fno-builtin"],
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
        "target_compatible_with": NOT_UNDER_SANITIZERS,
        "deps": [":" + name + "_main"],
    }
    cc_test(
        name = name,
        args = ["--allocator=hz3"] + linked_args,
        malloc = "//hz3:malloc",
        **common
    )
    if preloaded:
        cc_test(
            name = name + "_fast",
            args = [
                "--preload=$(location %s)" % _FAST,
                "--allocator=hz3",
                "--lane=fast",
            ],
            data = [_FAST],
            **common
        )
    if control:
        cc_test(
            name = name + "_libc",
            args = ["--allocator=libc"],
            tags = ["manual"],
            **common
        )
