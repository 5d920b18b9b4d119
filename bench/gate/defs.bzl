"""How the gate's boxes and its rows are built."""

load("@rules_cc//cc:defs.bzl", "cc_library", "cc_test")
load("//bench:defs.bzl", "BENCH_COPTS")

def gate_box(name, deps = [], copts = BENCH_COPTS, test_deps = [], test_data = []):
    """One box of the gate: name.h, name.cc and the test of both, name_test.cc.

    Args:
      name: the box.
      deps: as deps of cc_library.
      copts: the warnings.
      test_deps: in addition to the box, its deps and googletest.
      test_data: as data of cc_test.
    """
    cc_library(
        name = name,
        srcs = [name + ".cc"],
        hdrs = [name + ".h"],
        copts = copts,
        deps = deps,
    )
    cc_test(
        name = name + "_test",
        size = "small",
        srcs = [name + "_test.cc"],
        copts = copts,
        data = test_data,
        deps = [":" + name] + deps + test_deps + ["@com_google_googletest//:gtest_main"],
    )
