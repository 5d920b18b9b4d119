"""External repositories for WORKSPACE builds (Bazel 4 to 7).

Every archive is pinned by the sha256 of GitHub's own file. On a machine without
GitHub, tools/setup_debian.sh rebuilds the same bytes out of Debian's
source packages, and --distdir finds them there by file name and checksum.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")

def hakozuna_repositories(dev = True):
    """Declares the repositories that the targets of this workspace load.

    A repository that the calling WORKSPACE has declared already stays as it is.

    Args:
      dev: also declare what only tests, benches and tools need (abseil, googletest,
        google-benchmark). A consumer that links @hakozuna//hz3:malloc passes False and
        gets rules_cc and bazel_skylib only.
    """
    maybe(
        http_archive,
        name = "rules_cc",
        urls = ["https://github.com/bazelbuild/rules_cc/releases/download/0.0.4/rules_cc-0.0.4.tar.gz"],
        sha256 = "af6cc82d87db94585bceeda2561cb8a9d55ad435318ccb4ddfee18a43580fb5d",
        strip_prefix = "rules_cc-0.0.4",
        patches = [Label("//third_party:rules_cc_bazel4.patch")],
        patch_args = ["-p1"],
    )
    maybe(
        http_archive,
        name = "bazel_skylib",
        urls = ["https://github.com/bazelbuild/bazel-skylib/archive/1.0.3.tar.gz"],
        sha256 = "7ac0fa88c0c4ad6f5b9ffb5e09ef81e235492c873659e6bb99efb89d11246bcb",
        strip_prefix = "bazel-skylib-1.0.3",
    )
    if dev:
        _dev_repositories()

def _dev_repositories():
    maybe(
        http_archive,
        name = "com_google_absl",
        urls = ["https://github.com/abseil/abseil-cpp/archive/refs/tags/20220623.1.tar.gz"],
        sha256 = "91ac87d30cc6d79f9ab974c51874a704de9c2647c40f6932597329a282217ba8",
        strip_prefix = "abseil-cpp-20220623.1",
        patches = [Label("//third_party:abseil_bazel4.patch")],
        patch_args = ["-p1"],
    )
    maybe(
        http_archive,
        name = "com_google_googletest",
        urls = ["https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz"],
        sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
        strip_prefix = "googletest-release-1.12.1",
    )
    maybe(
        http_archive,
        name = "com_github_google_benchmark",
        urls = ["https://github.com/google/benchmark/archive/refs/tags/v1.7.1.tar.gz"],
        sha256 = "6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7",
        strip_prefix = "benchmark-1.7.1",
    )
