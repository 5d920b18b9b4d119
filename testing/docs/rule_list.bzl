"""Lists the rules of a package, for the tests of README.md and docs/."""

load("@bazel_skylib//rules:write_file.bzl", "write_file")

_PUBLIC = "//visibility:public"

def _is_public(rule, default_is_public):
    visibility = rule.get("visibility")
    return _PUBLIC in visibility if visibility else default_is_public

def rule_list(for_users = [], default_is_public = False):
    """Writes rule_list.txt: a line "kind label public" or "kind label internal" for each rule.

    Call it last in a BUILD file. It knows what macros have declared, too.

    Args:
      for_users: the kinds of rules that are for users when they are public.
      default_is_public: whether the package's default_visibility is public.
    """
    package = native.package_name()
    write_file(
        name = "rule_list",
        out = "rule_list.txt",
        content = sorted([
            "%s //%s:%s %s" % (
                rule["kind"],
                package,
                name,
                "public" if rule["kind"] in for_users and _is_public(rule, default_is_public) else "internal",
            )
            for name, rule in native.existing_rules().items()
        ]) + [""],
        visibility = ["//testing/docs:__pkg__"],
    )
