#!/usr/bin/env bash
# Refuses files in the repository that are larger than a person writes, but for the
# sample models and their data: a program that was built is easily added by mistake.
set -euo pipefail
limit=$((1 << 20))
found=0
while IFS= read -r file; do
  [ -f "$file" ] || continue # removed, and not committed yet
  case "$file" in model_repo/*) continue ;; esac
  size=$(wc -c <"$file")
  if [ "$size" -gt "$limit" ]; then
    echo "large-files.sh: $file has $size bytes: expected at most $limit, or a line in .gitignore" >&2
    found=1
  fi
done < <(git ls-files)
[ "$found" -eq 0 ] || exit 1
echo "large-files.sh: no file is larger than $limit bytes"
