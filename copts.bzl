"""Warning flags of this repository's own C++; external code keeps its own."""

HZ3_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconversion",
] + select({
    # gcc does not know clang's lock analysis.
    "//:clang": ["-Wthread-safety"],
    "//conditions:default": [],
})
