#!/bin/bash
# Runs the merge gate in a CI job and keeps its reports. Everything after -- goes to the gate.
set -euo pipefail

usage="usage: bench/gate/ci_example.sh [--out=DIR] [-- GATE_FLAGS...]
Builds and runs //bench:gate, writes gate.txt, gate.json and gate.xml (JUnit) to DIR (default:
gate-reports), and exits as the gate does: 0 pass, 1 fail, 2 it could not run."

out=gate-reports
while (($#)); do
  case $1 in
    --help) echo "$usage"; exit 0 ;;
    --out=?*) out=${1#--out=} ;;
    --) shift; break ;;
    *) echo "ci_example.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
  esac
  shift
done

mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
code=0
./bazelw run --config=ci //bench:gate -- \
  --json="$out/gate.json" --junit="$out/gate.xml" "$@" | tee "$out/gate.txt" || code=$?
exit "$code"
