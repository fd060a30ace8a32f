#!/usr/bin/env bash
# Fails when `make generate` changes a file. What was changed by hand before does not matter: the whole working tree is
# compared with itself, by way of an index of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."

index=$(mktemp -d)
trap 'rm -rf "$index"' EXIT
snapshot() { GIT_INDEX_FILE=$index/index git add --all && GIT_INDEX_FILE=$index/index git write-tree; }

before=$(snapshot)
make generate
after=$(snapshot)
if [ "$before" != "$after" ]; then
    git --no-pager diff --stat "$before" "$after"
    echo 'generate-check.sh: these files are not what their sources make of them: run make generate and commit them' >&2
    exit 1
fi
echo 'generate-check.sh: generated files are as their sources make them'
