#!/usr/bin/env bash
# Runs each fuzz target of the module for FUZZTIME (default: 30s), one after the other. FUZZ is a regular expression for
# their names. An input that fails is written to the package's testdata/fuzz: fix the bug and commit the input.
set -euo pipefail
cd "$(dirname "$0")/../.."

count=0
while IFS=: read -r file name; do
    echo "--- $name in $(dirname "$file")"
    go test -run='^$' -fuzz="^$name\$" -fuzztime="${FUZZTIME:-30s}" "./$(dirname "$file")"
    count=$((count + 1))
done < <(find . -name '*_test.go' -not -path './.*/*' -exec sed -n "s|^func \(Fuzz[A-Za-z0-9_]*\)(.*|{}:\1|p" {} \; |
    sed 's|^\./||' | grep -E ":.*${FUZZ:-}" | sort)
[ "$count" -gt 0 ] || { echo "fuzz.sh: no fuzz target is called ${FUZZ:-Fuzz...}" >&2 && exit 1; }
echo "fuzz.sh: $count targets, nothing found"
