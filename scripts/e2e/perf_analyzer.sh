#!/usr/bin/env bash
# Brings perf_analyzer, Triton's load generator, as .tools/e2e/bin/perf_analyzer. The package of its name that pip has is
# empty; the last program that pip had is in the wheel of an older tritonclient. It wants glibc 2.38 and the libstdc++ of
# GCC 13. Where the system's are older, apt-get fetches those of a newer Debian, apart from the system's own, and
# perf_analyzer is started with them.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=2.60.0
debian=trixie
packages=(libc6 libgcc-s1 libssl3t64 libstdc++6 zlib1g)
root=$PWD/.tools/e2e
folder=$root/perf_analyzer
program=$folder/bin/perf_analyzer
start=$root/bin/perf_analyzer

fail() {
    echo "perf_analyzer.sh: $*" >&2
    exit 1
}

rm -rf "$folder" "$start"
"$root/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$folder" "tritonclient==$version"
if "$program" --version >/dev/null 2>&1; then
    ln -s "$program" "$start"
    exit 0
fi

command -v apt-get >/dev/null || fail "perf_analyzer $version does not run with this system's libraries, and there is no apt-get to bring newer ones: run it on a system with glibc 2.38 or newer"
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$codename main //p" | head -n 1)
[ -n "$mirror" ] || fail "apt-get knows no mirror of $codename: expected one in /etc/apt"

apt=$folder/apt
mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
cat >"$apt/sources/$debian.sources" <<SOURCE
Types: deb
URIs: $mirror
Suites: $debian
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCE
options=(-q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$apt/sources" -o Dir::State::Lists="$apt/lists"
    -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root)
if ! said=$({ apt-get "${options[@]}" update && cd "$apt/packages" && apt-get "${options[@]}" download "${packages[@]}"; } 2>&1); then
    fail "apt-get could not bring Debian $debian's ${packages[*]}:"$'\n'"$said"
fi
for package in "$apt/packages"/*.deb; do dpkg-deb --extract "$package" "$folder/debian"; done
rm -rf "$apt"

loader=$(find "$folder/debian/usr" -name 'ld-linux-*.so.*' | head -n 1)
[ -n "$loader" ] || fail "the package libc6 of Debian $debian has no ld-linux"
libraries=$(dirname "$(find "$folder/debian/usr" -name libstdc++.so.6 | head -n 1)")
printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$loader" "$libraries" "$program" >"$start"
chmod +x "$start"
"$start" --version >/dev/null || fail "perf_analyzer $version does not run with Debian $debian's libraries either"
