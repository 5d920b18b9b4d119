"""External repositories for WORKSPACE builds (Bazel 4 to 7).

Every archive is pinned by the sha256 of GitHub's own file. On a machine without
GitHub, tools/setup_debian.sh rebuilds the same bytes out of Debian's
source packages, and --distdir finds them there by file name and checksum.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")

def hakozuna_dependencies():
    """Declares what @hakozuna//hz3/... needs; all that a project that links hz3 has to call.

    A repository that the calling WORKSPACE has declared already stays as it is.
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

def hakozuna_dev_dependencies():
    """Declares what tests, benches and tools need besides, @hakozuna//bench:gate for one.

    A repository that the calling WORKSPACE has declared already stays as it is.
    """
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
    maybe(
        http_archive,
        name = "com_github_nlohmann_json",
        urls = ["https://github.com/nlohmann/json/archive/refs/tags/v3.11.2.tar.gz"],
        sha256 = "d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273",
        strip_prefix = "json-3.11.2",
        build_file = Label("//third_party:nlohmann_json.BUILD"),
    )

    # The charts of the hz3 command's pages, and the one library that Chart.js is made with.
    maybe(
        http_archive,
        name = "com_github_chartjs_chart_js",
        urls = ["https://github.com/chartjs/Chart.js/archive/refs/tags/v3.9.1.tar.gz"],
        sha256 = "b94faf2699d1d3b44f8733b0d380c7db72c46dbccef7008ac88f2fec5bc4eb25",
        strip_prefix = "Chart.js-3.9.1",
        build_file = Label("//third_party:chart_js.BUILD"),
    )
    maybe(
        http_archive,
        name = "com_github_kurkle_color",
        urls = ["https://github.com/kurkle/color/archive/refs/tags/v0.2.1.tar.gz"],
        sha256 = "e32b2eb03db19934bf13fc5ebd644970cd019dd59b033c7b6428e33aad6eda20",
        strip_prefix = "color-0.2.1",
        build_file = Label("//third_party:kurkle_color.BUILD"),
    )
