#!/bin/bash
# Gets Bazel 7 of Debian's unstable distribution ready on a Debian machine, beside its own Bazel:
#   tools/setup_modern_bazel.sh [DIR]     default .bazelw/modern; 2 minutes and 1.5 GB, as root
# DIR/bazel then is that Bazel, in a root of its own that sees this machine's /tmp and DIR. It has
# no network: DIR/flags says where it finds its modules. With both, run
#   ./bazelw test //testing/consumer:consumer_test --test_env=HZ3_MODERN_BAZEL=DIR/bazel \
#     --test_env="HZ3_MODERN_BAZEL_FLAGS=$(cat DIR/flags)"
set -euo pipefail
tree=$(cd "$(dirname "$0")/.." && pwd -P)
mkdir -p "${1:-$tree/.bazelw/modern}"
dir=$(cd "${1:-$tree/.bazelw/modern}" && pwd -P)

die() { echo "setup_modern_bazel.sh: $*" >&2; exit 1; }

[[ $EUID == 0 ]] || die "needs root, to make a root directory of Debian's"
command -v mmdebstrap >/dev/null || die "needs mmdebstrap (apt-get install mmdebstrap)"

# The machine's own mirror, which may be a copy of another day.
mirror() {
  sed -nE 's/^URIs: *([^ ]*\/debian\/?)$/\1/p; s/^deb (\[[^]]*\] )?([^ ]*\/debian\/?) .*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1
}

make_root() {
  rm -rf --one-file-system "$dir/root"
  mmdebstrap --mode=root --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=bazel-bootstrap,g++ sid "$dir/root" "$(mirror)"
  mkdir -p "$dir/root$tree" "$dir/root$dir"
}

# Modules that Bazel names at the start of every build and that no C++ build takes anything from:
# empty ones will do. Debian's Bazel brings the others.
make_registry() {
  local module name
  rm -rf "$dir/registry"
  for module in apple_support/1.23.1 buildozer/7.1.2 protobuf/3.19.6 protobuf/21.7 zlib/1.3.1.bcr.3
  do
    name=${module%/*}
    mkdir -p "$dir/registry/modules/$module" "$dir/registry/empty/$name"
    echo "module(name = \"$name\", version = \"${module#*/}\")" |
      tee "$dir/registry/modules/$module/MODULE.bazel" > "$dir/registry/empty/$name/MODULE.bazel"
    : > "$dir/registry/empty/$name/BUILD"
    echo "{\"type\": \"local_path\", \"path\": \"$dir/registry/empty/$name\"}" \
      > "$dir/registry/modules/$module/source.json"
  done
  echo '{}' > "$dir/registry/bazel_registry.json"
  echo 'buildozer_binary = module_extension(implementation = lambda ctx: None)' \
    > "$dir/registry/empty/buildozer/buildozer_binary.bzl"
}

# Each call has mounts of its own, which end with it.
write_bazel() {
  cat > "$dir/bazel" <<S
#!/bin/bash
# Written by tools/setup_modern_bazel.sh.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
enter='
root=\$1 tree=\$2 dir=\$3 from=\$4; shift 4
mount --make-rprivate /
mount --rbind /dev "\$root/dev"
mount -t proc proc "\$root/proc"
mount --rbind /tmp "\$root/tmp"
for path in "\$tree" "\$dir"; do mkdir -p "\$root\$path"; mount --bind "\$path" "\$root\$path"; done
exec chroot "\$root" bash -c "cd \"\\\$0\" && exec bazel \"\\\$@\"" "\$from" "\$@"'
exec unshare --mount bash -euc "\$enter" bash "$dir/root" "$tree" "$dir" "\$PWD" "\$@"
S
  chmod 755 "$dir/bazel"
}

[[ -x $dir/root/usr/bin/bazel ]] || make_root
make_registry
write_bazel
echo "--registry=file://$dir/registry --distdir=$tree/.bazelw/distdir" \
  "--override_repository=rules_python=/usr/share/bazel/rules/python" > "$dir/flags"
"$dir/bazel" --version
