"""How the allocator's parts are built: boxes, their tests, and the libraries."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("//:copts.bzl", "HZ3_WARNINGS")
load("//:version.bzl", "HZ3_SOVERSION")
load("//testing/fuzz:fuzz.bzl", "hz3_fuzz")

# Flags of code that runs inside malloc. Unwind tables stay: operator new throws through them.
HZ3_COPTS = HZ3_WARNINGS + [
    # Also in a consumer's workspace that compiles its own code as something older.
    "-std=c++20",
    # malloc cannot rely on libstdc++ being there, and no exception may cross it but bad_alloc.
    "-fno-exceptions",
    "-fno-rtti",
    # A guarded static would call into libstdc++, and through it perhaps malloc.
    "-fno-threadsafe-statics",
    # One load to reach thread-local bins; __tls_get_addr may itself allocate.
    "-ftls-model=initial-exec",
    # Only hz3/exports.lds names symbols for others; all else binds inside the library.
    "-fvisibility=hidden",
    "-fno-plt",
    "-fno-semantic-interposition",
    # The compiler may not reason about malloc while compiling it (calloc from malloc + memset).
    "-fno-builtin-malloc",
    "-fno-builtin-calloc",
    "-fno-builtin-realloc",
    "-fno-builtin-free",
    # Distributions switch these on; they cost instructions on every hot call.
    "-fno-stack-protector",
    "-fcf-protection=none",
    # Bazel keeps frame pointers; clang would spend three instructions of malloc's on one.
    "-momit-leaf-frame-pointer",
    "-O2",
]

_SHARED_LINKOPTS = [
    # A C program that preloads malloc must not get libstdc++ loaded: the code refers to it weakly.
    "-Wl,--as-needed",
    "-static-libgcc",
    # Lazy binding could enter the dynamic linker, and so malloc, from inside malloc.
    "-Wl,-z,now",
    "-Wl,-z,relro",
    # Thread-exit handlers and live blocks outlast a dlclose.
    "-Wl,-z,nodelete",
]

def _existing(name):
    return native.glob([name], allow_empty = True)

def hz3_box(
        name,
        deps = [],
        hdrs = None,
        srcs = None,
        copts = [],
        alwayslink = False,
        visibility = None,
        test_srcs = None,
        test_deps = [],
        test_copts = [],
        test_data = [],
        test_args = [],
        test_size = "small",
        test_timeout = None,
        test_tags = [],
        test_shard_count = None):
    """One box: cc_library `name`, and its test, fuzz target and benchmark where their sources exist.

    Args:
      name: the box; its files are name.h, name.cc, name_test.cc, name_fuzz.cc, name_benchmark.cc.
      deps: boxes of this floor or of lower ones.
      hdrs: default name.h.
      srcs: default name.cc when there is one.
      copts: in addition to HZ3_COPTS.
      alwayslink: keep the objects although nothing refers to them.
      visibility: of the library; tests are private.
      test_srcs: default name_test.cc when there is one; otherwise no test is declared.
      test_deps: in addition to the box, its deps and googletest.
      test_copts: in addition to the warnings.
      test_data: as data of cc_test.
      test_args: as args of cc_test.
      test_size: as size of cc_test.
      test_timeout: as timeout of cc_test.
      test_tags: as tags of cc_test.
      test_shard_count: as shard_count of cc_test.
    """
    cc_library(
        name = name,
        hdrs = [name + ".h"] if hdrs == None else hdrs,
        srcs = _existing(name + ".cc") if srcs == None else srcs,
        copts = HZ3_COPTS + copts,
        # Hidden symbols of a box are out of reach in a shared library of its own.
        linkstatic = True,
        alwayslink = alwayslink,
        visibility = visibility,
        deps = deps,
    )

    test_srcs = _existing(name + "_test.cc") if test_srcs == None else test_srcs
    if test_srcs:
        cc_test(
            name = name + "_test",
            size = test_size,
            timeout = test_timeout,
            srcs = test_srcs,
            args = test_args,
            copts = HZ3_WARNINGS + test_copts,
            data = test_data,
            linkstatic = True,
            shard_count = test_shard_count,
            tags = test_tags,
            deps = [":" + name] + deps + [dep for dep in test_deps if dep not in deps] +
                   ["@com_google_googletest//:gtest_main"],
        )

    if _existing(name + "_fuzz.cc"):
        hz3_fuzz(
            name = name + "_fuzz",
            deps = [":" + name] + deps + [dep for dep in test_deps if dep not in deps],
        )

    benchmark_srcs = _existing(name + "_benchmark.cc")
    if benchmark_srcs:
        cc_binary(
            name = name + "_benchmark",
            testonly = True,
            srcs = benchmark_srcs,
            copts = HZ3_WARNINGS,
            linkstatic = True,
            deps = [
                ":" + name,
                "@com_github_google_benchmark//:benchmark_main",
            ] + deps,
        )

def hz3_sources():
    """The package's C++ sources as :sources, for tests that read or compile them.

    Call it once in each package under hz3/.
    """
    native.filegroup(
        name = "sources",
        srcs = native.glob(
            [
                "*.h",
                "*.cc",
            ],
            allow_empty = True,
        ),
        visibility = ["//testing:__subpackages__"],
    )

_LANE = str(Label("//hz3/config:lane"))
_SET = str(Label("//hz3/config:set"))

def _lane_transition_impl(settings, attr):
    return {_LANE: attr.lane, _SET: attr.switches or settings[_SET]}

_lane_transition = transition(
    implementation = _lane_transition_impl,
    inputs = [_SET],
    outputs = [
        _LANE,
        _SET,
    ],
)

def _in_lane_impl(ctx):
    # A dep behind a transition is a list.
    library = ctx.files.library[0]
    out = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = out, target_file = library)
    return [DefaultInfo(
        files = depset([out]),
        runfiles = ctx.runfiles(files = [out]),
    )]

_in_lane = rule(
    doc = "`library` built in `lane` and with `switches`, whatever the command line says.",
    implementation = _in_lane_impl,
    attrs = {
        "lane": attr.string(mandatory = True),
        "switches": attr.string(),
        "library": attr.label(mandatory = True, cfg = _lane_transition),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

def hz3_in_lane(name, lane, library, visibility = None):
    """`library`, the file of a target, built in `lane`, whatever the command line says.

    Args:
      name: of the file.
      lane: a value of //hz3/config:lane.
      library: the target.
      visibility: as always.
    """
    _in_lane(
        name = name,
        lane = lane,
        library = library,
        visibility = visibility,
    )

def hz3_shared_library(
        name,
        lane,
        version_script,
        deps,
        switches = "",
        linkopts = [],
        visibility = None):
    """A malloc for LD_PRELOAD, fixed to one lane, at bazel-bin/<package>/<name>.

    Args:
      name: the file name, lib<something>.so; the soname is this with a number.
      lane: a value of //hz3/config:lane.
      version_script: names the exported symbols; must be anonymous, or nothing interposes.
      deps: what goes in; alwayslink where nothing refers to it.
      switches: a value of //hz3/config:set; empty: that of the command line.
      linkopts: in addition to what every malloc needs.
      visibility: as always.
    """
    linked = "_so/" + name
    cc_binary(
        name = linked,
        additional_linker_inputs = [version_script],
        linkopts = _SHARED_LINKOPTS + [
            "-Wl,-soname=%s.%s" % (name, HZ3_SOVERSION),
            "-Wl,--version-script=$(location %s)" % version_script,
        ] + linkopts,
        linkshared = True,
        # Outside its lane it is of no use.
        tags = ["manual"],
        visibility = ["//visibility:private"],
        deps = deps,
    )
    _in_lane(
        name = name,
        lane = lane,
        library = ":" + linked,
        switches = switches,
        visibility = visibility,
    )
