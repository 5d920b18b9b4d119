"""Tests of the whole allocator have no subject where a sanitizer's runtime owns malloc."""

def unless_sanitizer(value, otherwise = []):
    """`value`, or `otherwise` in a build whose sanitizer owns malloc."""
    return select({
        "//hz3/config:asan": otherwise,
        "//hz3/config:tsan": otherwise,
        "//conditions:default": value,
    })

def args_unless_sanitizer(args):
    """Arguments of a test with //testing/lib:test_main, which else is told to skip."""
    return unless_sanitizer(args, ["--skip_under_sanitizer"])
