"""What MODULE.bazel may call, for a Bazel without bzlmod: records what a project would get.

module_file_test puts this before the text of a MODULE.bazel.
"""

RECORDS = []

def module(name = "", version = "", compatibility_level = 0, repo_name = "", bazel_compatibility = []):
    RECORDS.append("module/%s/%s" % (name, version or "none"))

def bazel_dep(name, version = "", max_compatibility_level = -1, repo_name = "", dev_dependency = False):
    RECORDS.append("%s/%s/%s" % ("dev" if dev_dependency else "dep", name, version or "none"))

def _repo_rule(name, dev_dependency = False, **kwargs):
    RECORDS.append("%s_repository/%s/none" % ("dev" if dev_dependency else "dep", name))

def use_repo_rule(repo_rule_bzl_file, repo_rule_name):
    return _repo_rule

def local_path_override(module_name, path):
    RECORDS.append("override/%s/none" % module_name)

