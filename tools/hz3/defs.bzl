"""The boxes of the hz3 command, and texts that are built into it."""

load("@rules_cc//cc:defs.bzl", "cc_library", "cc_test")
load("//bench:defs.bzl", "ABSL_USER_COPTS")

def hz3_tool_library(
        name,
        deps = [],
        more_srcs = [],
        test_deps = [],
        test_data = [],
        visibility = None):
    """cc_library `name` of name.h and name.cc, and its test where there is one.

    Args:
      name: the box.
      deps: of the library; the test gets them too.
      more_srcs: sources beside name.cc.
      test_deps: in addition to the box, its deps and googletest.
      test_data: as data of cc_test.
      visibility: of the library; default: the package's.
    """
    cc_library(
        name = name,
        srcs = [name + ".cc"] + more_srcs,
        hdrs = [name + ".h"],
        copts = ABSL_USER_COPTS,
        visibility = visibility,
        deps = deps,
    )
    test_srcs = native.glob([name + "_test.cc"], allow_empty = True)
    if test_srcs:
        cc_test(
            name = name + "_test",
            size = "small",
            srcs = test_srcs,
            copts = ABSL_USER_COPTS,
            data = test_data,
            # A box of the allocator that a test links has hidden symbols.
            linkstatic = True,
            deps = [":" + name] + deps + [dep for dep in test_deps if dep not in deps] +
                   ["@com_google_googletest//:gtest_main"],
        )

def text_constant(name, text, constant):
    """name.cc: the file `text` as a constant of page_parts.h.

    Args:
      name: of the source file, without .cc.
      text: the file; it does not hold the words )hz3_text".
      constant: what page_parts.h calls it.
    """
    native.genrule(
        name = name,
        srcs = [text],
        outs = [name + ".cc"],
        cmd = "(echo '#include \"tools/hz3/page_parts.h\"';" +
              " echo 'namespace hz3::tool {';" +
              " printf 'const char* const " + constant + " = R\"hz3_text(';" +
              " cat $<; echo ')hz3_text\";'; echo '}') > $@",
    )
