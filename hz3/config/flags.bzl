"""Turns build flags into a C++ header of constants."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")

_HEADER = """// Generated from the flags of //{package}; see its BUILD file.
#ifndef {guard}
#define {guard}

namespace hz3 {{

{constants}

}}  // namespace hz3

#endif  // {guard}
"""

def _guard(path):
    return path.upper().replace("/", "_").replace(".", "_").replace("-", "_") + "_"

def _literal(value):
    """(C++ type, C++ literal) of a flag's value."""
    if type(value) == "bool":
        return ("bool", "true" if value else "false")
    if type(value) == "int":
        return ("long", str(value))
    return ("const char*", '"%s"' % value)

def _assignments(text):
    """[(name, literal)] of a flag "name=value,...", where a value is a whole number, true or false."""
    result = []
    for part in [part.strip() for part in text.split(",")]:
        if not part:
            continue
        name, equals, value = part.partition("=")
        if not equals or not (value in ["true", "false"] or value.isdigit()):
            fail("'%s' should be name=value, with a whole number, true or false as its value" % part)
        result.append((name, {"false": "0", "true": "1"}.get(value, value)))
    return result

def _flags_header_impl(ctx):
    lines = []
    for flag, name in ctx.attr.assignments.items():
        lines.append("struct %sRow {\n  const char* name;\n  long long value;\n};" % name)
        rows = _assignments(flag[BuildSettingInfo].value) + [("", "0")]
        lines.append("inline constexpr %sRow %s[] = {%s};" % (
            name,
            name,
            ", ".join(['{"%s", %s}' % row for row in rows]),
        ))
    for flag, name in ctx.attr.constants.items():
        kind, literal = _literal(flag[BuildSettingInfo].value)
        lines.append("inline constexpr %s %s = %s;" % (kind, name, literal))
    for name, text in ctx.attr.texts.items():
        kind, literal = _literal(text)
        lines.append("inline constexpr %s %s = %s;" % (kind, name, literal))
    for flag, spec in ctx.attr.equals.items():
        name, _, wanted = spec.partition("=")
        truth = "true" if flag[BuildSettingInfo].value == wanted else "false"
        lines.append("inline constexpr bool %s = %s;" % (name, truth))
    ctx.actions.write(ctx.outputs.out, _HEADER.format(
        constants = "\n".join(lines),
        guard = _guard(ctx.label.package + "/" + ctx.outputs.out.basename),
        package = ctx.label.package,
    ))

flags_header = rule(
    doc = "Writes `out`: one inline constexpr in namespace hz3 per flag.",
    implementation = _flags_header_impl,
    attrs = {
        "assignments": attr.label_keyed_string_dict(
            doc = "String flag 'name=value,...' to constant name: an array of rows, the last one nameless.",
            providers = [BuildSettingInfo],
        ),
        "constants": attr.label_keyed_string_dict(
            doc = "Flag to constant name: bool flags give bool, int flags long, string flags const char*.",
            providers = [BuildSettingInfo],
        ),
        "equals": attr.label_keyed_string_dict(
            doc = "String flag to 'kName=value': a bool constant, true when the flag has that value.",
            providers = [BuildSettingInfo],
        ),
        "out": attr.output(mandatory = True),
        "texts": attr.string_dict(doc = "Constant name to text, whatever the flags are."),
    },
)
