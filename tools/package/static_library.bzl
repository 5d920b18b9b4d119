"""The allocator as one archive, for other build systems than Bazel."""

load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain")
load("//hz3:defs.bzl", "hz3_in_lane")

def _single_object_archive_impl(ctx):
    toolchain = find_cc_toolchain(ctx)
    archives = [
        library.pic_static_library or library.static_library
        for linker_input in ctx.attr.library[CcInfo].linking_context.linker_inputs.to_list()
        for library in linker_input.libraries
    ]
    out = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.run_shell(
        # Groups go, because a local symbol cannot stand for one. What gcc makes unique in the
        # process can become local only when it has become weak.
        command = """set -e
object=${5%.a}.o
"$1" -r --force-group-allocation --whole-archive -o "$object" "${@:6}"
"$2" --wildcard --weaken-symbol='_ZN3hz3*' "$object"
"$2" --keep-global-symbols="$4" "$object"
"$3" rcsD "$5" "$object"
rm "$object"
""",
        arguments = [
            toolchain.ld_executable,
            toolchain.objcopy_executable,
            toolchain.ar_executable,
            ctx.file.exports.path,
            out.path,
        ] + [archive.path for archive in archives],
        inputs = depset(archives + [ctx.file.exports], transitive = [toolchain.all_files]),
        outputs = [out],
        mnemonic = "Hz3Archive",
    )
    return [DefaultInfo(files = depset([out]))]

_single_object_archive = rule(
    doc = "All of `library` as one object in one archive, of which only `exports` can be seen.",
    implementation = _single_object_archive_impl,
    attrs = {
        "exports": attr.label(allow_single_file = True, mandatory = True),
        "library": attr.label(mandatory = True, providers = [CcInfo]),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def hz3_static_library(name, lane, exports, library, visibility = None):
    """A malloc to link into programs outside of Bazel, fixed to one lane.

    It is one object: a program that refers to any of its symbols, if only by
    `-Wl,--undefined=malloc`, gets the whole of it, with no need for --whole-archive.

    Args:
      name: the file name, lib<something>.a.
      lane: a value of //hz3/config:lane.
      exports: names the symbols that others see.
      library: what goes in.
      visibility: as always.
    """
    archive = "_a/" + name
    _single_object_archive(
        name = archive,
        exports = exports,
        library = library,
        # Outside its lane it is of no use.
        tags = ["manual"],
        visibility = ["//visibility:private"],
    )
    hz3_in_lane(
        name = name,
        lane = lane,
        library = ":" + archive,
        visibility = visibility,
    )
