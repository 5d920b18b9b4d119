"""Fuzz targets: one source, run by libFuzzer on demand and over its corpus in every test run."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_test")
load("//:copts.bzl", "HZ3_WARNINGS")

def hz3_fuzz(name, deps = [], malloc = None, copts = [], random = 2000):
    """Declares `name` (libFuzzer: --config=fuzz) and `name`_test (the corpus and random bytes).

    Args:
      name: the source is name.cc.
      deps: what the source needs besides //testing/fuzz:fuzz_input.
      malloc: as of cc_binary; default the C library's.
      copts: in addition to the warnings.
      random: how many random inputs the test runs after the corpus, //testing/fuzz/corpus:name.
    """
    corpus = str(Label("//testing/fuzz/corpus:" + name))
    common = {
        "srcs": [name + ".cc"],
        "copts": HZ3_WARNINGS + copts,
        "linkstatic": True,
    }
    if malloc:
        common["malloc"] = malloc
    deps = deps + [str(Label("//testing/fuzz:fuzz_input"))]
    cc_binary(
        name = name,
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = deps,
        **common
    )
    cc_test(
        name = name + "_test",
        size = "small",
        args = [
            "--random=%d" % random,
            "$(locations %s)" % corpus,
        ],
        data = [corpus],
        deps = deps + [str(Label("//testing/fuzz:replay_main"))],
        **common
    )
