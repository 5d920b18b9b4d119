"""What all C++ of the benches is compiled with."""

# The warnings of our own code; external code is built without them.
BENCH_COPTS = [
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
]

# For sources that include abseil's headers. Bazel 4 passes external headers with -iquote, so that
# the compiler takes them for ours, and abseil's are not clean under -Wconversion.
ABSL_USER_COPTS = [copt for copt in BENCH_COPTS if copt != "-Wconversion"]
