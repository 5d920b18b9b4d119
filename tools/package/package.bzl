"""A rule that packs what is to be installed, as a Debian package or as a tarball."""

load("//:version.bzl", "HZ3_SOVERSION", "HZ3_VERSION")

_DEB_ARCHITECTURES = {
    "aarch64": "arm64",
    "x86_64": "amd64",
}

def _archive_name(ctx):
    if ctx.attr.format == "deb":
        return "hz3_%s_%s.deb" % (HZ3_VERSION, _DEB_ARCHITECTURES[ctx.attr.machine])
    return "hz3-%s-%s-linux.%s" % (HZ3_VERSION, ctx.attr.machine, ctx.attr.format)

def _installed(place, file):
    """The path where `file` goes: `place`, or below it, as #include says, if it ends with '/'."""
    return place + file.short_path if place.endswith("/") else place

def _files(ctx):
    """[(mode, path, File)]."""
    return [
        (spec.split(" ")[0], _installed(spec.split(" ")[1], file), file)
        for target, spec in ctx.attr.files.items()
        for file in target.files.to_list()
    ]

def _path_in_actions(file):
    return file.path

def _path_in_runfiles(file):
    return file.short_path

def _manifest(ctx, path_of):
    values = {
        "SOVERSION": HZ3_SOVERSION,
        "VERSION": HZ3_VERSION,
    }
    values.update(ctx.attr.values)
    return json.encode(struct(
        changelog = path_of(ctx.file.changelog),
        control = {
            file.basename.partition(".")[0]: path_of(file)
            for file in ctx.files.control
        },
        files = [[mode, path, path_of(file)] for mode, path, file in _files(ctx)],
        format = ctx.attr.format,
        links = ctx.attr.links.items(),
        machine = ctx.attr.machine,
        root = ctx.attr.root or _archive_name(ctx)[:-len(".tar.gz")],
        values = values,
    ))

def _hz3_package_impl(ctx):
    inputs = [file for _, _, file in _files(ctx)] + ctx.files.control + [ctx.file.changelog]
    out = ctx.actions.declare_file(_archive_name(ctx))
    manifest = ctx.actions.declare_file(ctx.label.name + ".manifest.json")
    ctx.actions.write(manifest, _manifest(ctx, _path_in_actions))

    # The same with paths as a test sees them, which can so pack once more.
    again = ctx.actions.declare_file(ctx.label.name + ".runfiles.json")
    ctx.actions.write(again, _manifest(ctx, _path_in_runfiles))
    ctx.actions.run_shell(
        arguments = [ctx.file.tool.path, manifest.path, out.path],
        command = "exec python3 \"$@\"",
        inputs = inputs + [ctx.file.tool, manifest],
        mnemonic = "Hz3Package",
        outputs = [out],
        use_default_shell_env = True,
    )
    return [DefaultInfo(
        files = depset([out]),
        runfiles = ctx.runfiles(files = inputs + [ctx.file.tool, again, out]),
    )]

hz3_package = rule(
    doc = "Packs `files` and `links` below `root`, reproducibly.",
    implementation = _hz3_package_impl,
    attrs = {
        "changelog": attr.label(
            allow_single_file = True,
            doc = "In Debian's format; its newest entry is the time of everything.",
            mandatory = True,
        ),
        "control": attr.label_list(
            allow_files = True,
            doc = "The files of a Debian package's control.tar; templates end with .in.",
        ),
        "files": attr.label_keyed_string_dict(
            allow_files = True,
            doc = "To 'mode path': where it goes below root; for a path ending with '/', below that.",
        ),
        "format": attr.string(
            mandatory = True,
            values = [
                "deb",
                "tar.gz",
            ],
        ),
        "links": attr.string_dict(doc = "Path below root to what the symbolic link there says."),
        "machine": attr.string(
            mandatory = True,
            values = [
                "aarch64",
                "x86_64",
            ],
        ),
        "root": attr.string(doc = "Default: the archive's name, for a tarball."),
        "tool": attr.label(
            allow_single_file = True,
            default = "//tools/package:make_package.py",
        ),
        "values": attr.string_dict(doc = "For @NAME@ in templates, beside VERSION and SOVERSION."),
    },
)
