#!/bin/bash
# Fuzzes every target with libFuzzer, two at a time, from its committed corpus. Run it from the
# root of a checkout. Exit 0: nothing found; 1: a finding, whose input and log stay in --output;
# 2: cannot run. Skips with exit 0 and a line where clang is missing.
set -uo pipefail

usage() {
  echo "usage: testing/fuzz/fuzz_all.sh [--seconds=60] [--output=DIR] [--asan] [pattern ...]"
  echo "  --seconds=N   for each target"
  echo "  --output=DIR  where logs and findings go; default: a new directory under /tmp"
  echo "  --asan        with AddressSanitizer; not api_fuzz, whose malloc that would replace"
  echo "  pattern       only targets whose label contains one of these"
}
fail() {
  echo "fuzz_all: $1" >&2
  exit 2
}

seconds=60
output=
config=(--config=fuzz)
skip='^$'
patterns=()
for argument in "$@"; do
  case $argument in
    --help) usage; exit 0 ;;
    --seconds=*) seconds=${argument#*=} ;;
    --output=*) output=${argument#*=} ;;
    --asan) config+=(--config=asan); skip=':api_fuzz$' ;;
    -*) fail "unknown flag $argument (see --help)" ;;
    *) patterns+=("$argument") ;;
  esac
done
[[ $seconds =~ ^[1-9][0-9]{0,6}$ ]] || fail "--seconds needs a whole number above 0, not '$seconds'"
[[ -x bazelw ]] || fail "not in the root of a checkout: no bazelw here"
if ! command -v clang >/dev/null; then
  echo "fuzz_all: SKIP: needs clang"
  exit 0
fi
if [[ -z $output ]]; then
  output=$(mktemp -d /tmp/fuzz.XXXXXX) || fail "cannot make a directory under /tmp"
fi
mkdir -p "$output" || fail "cannot make $output"

query='kind(cc_binary, //...) intersect attr(name, "_fuzz$", //...)'
mapfile -t targets < <(./bazelw query "$query" 2>/dev/null | grep -v "$skip" | sort)
if ((${#patterns[@]} > 0)); then
  mapfile -t targets < <(printf '%s\n' "${targets[@]}" | grep -F "${patterns[@]/#/-e}")
fi
((${#targets[@]} > 0)) || fail "no target matches"
./bazelw build "${config[@]}" "${targets[@]}" || fail "the targets do not build"

# fuzz LABEL: one target, in the background.
fuzz() {
  local name=${1##*:} path=${1#//}
  local work=$output/$name
  mkdir -p "$work/found" "$work/corpus"
  if "bazel-bin/${path/:/\/}" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=8192 \
    -artifact_prefix="$work/found/" "$work/corpus" testing/fuzz/corpus/"$name" \
    >"$work/log" 2>&1; then
    echo "fuzz_all: $1: nothing found, $(grep -cE '^#' "$work/log") reports, $(grep -oE 'Done [0-9]+ runs' "$work/log" | tail -1)"
  else
    echo "fuzz_all: $1: FOUND: $(grep -aE 'ERROR|SUMMARY|hz3:|deadly' "$work/log" | head -1); see $work"
    touch "$output/failed"
  fi
}
rm -f "$output/failed"
for target in "${targets[@]}"; do
  while (($(jobs -rp | wc -l) >= 2)); do wait -n; done
  fuzz "$target" &
done
wait
if [[ -e $output/failed ]]; then
  echo "fuzz_all: FAIL: findings in $output"
  exit 1
fi
echo "fuzz_all: ${#targets[@]} targets, $seconds s each, nothing found"
