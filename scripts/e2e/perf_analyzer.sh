#!/usr/bin/env bash
# Brings perf_analyzer, Triton's load generator, as .tools/e2e/bin/perf_analyzer. The package of its name that pip has is
# empty; the last program that pip had is in the wheel of an older tritonclient. It wants CUDA's runtime library for any
# kind of shared memory, glibc 2.38, and the libstdc++ of GCC 13. Where the system's are older, apt-get fetches those of a
# newer Debian, apart from the system's own, and perf_analyzer is started with them.
set -euo pipefail
cd "$(dirname "$0")/../../.tools/e2e"

version=2.60.0
cuda=12.9.79
debian=trixie
packages=(libc6 libgcc-s1 libssl3t64 libstdc++6 zlib1g)

fail() {
    echo "perf_analyzer.sh: $*" >&2
    exit 1
}

# start HOW writes what starts the program, in the folder perf_analyzer.
start() {
    cat >bin/perf_analyzer <<SCRIPT
#!/bin/sh
cd "\$(dirname "\$0")/../perf_analyzer" && exec $1 bin/perf_analyzer "\$@"
SCRIPT
    chmod +x bin/perf_analyzer
}
works() { bin/perf_analyzer --version >/dev/null 2>&1; }

rm -rf perf_analyzer bin/perf_analyzer
bin/pip install --quiet --disable-pip-version-check --no-deps --target perf_analyzer "tritonclient==$version" "nvidia-cuda-runtime-cu12==$cuda"
ln -s ../nvidia/cuda_runtime/lib/libcudart.so.12 perf_analyzer/bin/libcudart.so
start 'env LD_LIBRARY_PATH=bin'
if works; then exit 0; fi

command -v apt-get >/dev/null || fail "perf_analyzer $version does not run with this system's libraries, and there is no apt-get to bring newer ones: use a system with glibc 2.38 or newer"
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
# shellcheck disable=SC2016 # the variables are apt-get's
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$codename main //p" | head -n 1)
[ -n "$mirror" ] || fail "apt-get knows no mirror of $codename: expected one in its configuration"

apt=$PWD/perf_analyzer/apt
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
fetch() {
    apt-get "${options[@]}" update && cd "$apt/packages" && apt-get "${options[@]}" download "${packages[@]}"
}
if ! said=$(fetch 2>&1); then fail "apt-get could not bring Debian $debian's ${packages[*]}:"$'\n'"$said"; fi
for package in "$apt/packages"/*.deb; do dpkg-deb --extract "$package" perf_analyzer/debian; done
rm -rf "$apt"

loader=$(cd perf_analyzer && find debian/usr/lib -name 'ld-linux-*.so.*' | head -n 1)
[ -n "$loader" ] || fail "the package libc6 of Debian $debian has no ld-linux"
start "$loader --library-path $(dirname "$loader"):bin"
works || fail "perf_analyzer $version does not run with Debian $debian's libraries either"
