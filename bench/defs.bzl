"""What all C++ of the benches is compiled with."""

# The warnings of our own code; external code is built without them.
BENCH_COPTS = [
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
]
