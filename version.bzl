"""The version of hz3. MODULE.bazel, which can load nothing, repeats it; a test compares the two."""

HZ3_VERSION = "0.1.0"

# The number in the sonames: a program that was linked against a library of this number starts on any
# other of the same number. Raise it when a symbol leaves hz3/exports.txt or changes its type or
# meaning; new symbols leave it as it is.
HZ3_SOVERSION = "0"
