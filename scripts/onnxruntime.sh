#!/bin/sh
# Brings ONNX Runtime's shared library to the folder where Galatea looks for it:
#
#   .onnxruntime/1.30.0/OS-ARCH/libonnxruntime.so   (.dylib on macOS)
#
# OS is linux or darwin and ARCH is amd64 or arm64, as Go names them. LICENSE and, where the source has them,
# ThirdPartyNotices.txt are put beside it. Where a pinned library is there already, nothing is done.
#
# Usage: scripts/onnxruntime.sh [ARCHIVE]
#
# The library comes from the first of these that gives it:
#   1. ARCHIVE, or ONNXRUNTIME_ARCHIVE: a path or a URL (http, https, file) of the library itself, of a release .tgz,
#      of a Python wheel, or of a .tgz or .zip that holds the library. Where one is named, nothing else is tried.
#   2. the Python wheel "onnxruntime", by pip (about 24 MB)
#   3. the npm package "onnxruntime-node", by npm pack (about 114 MB; it holds all platforms)
#
# Every library is checked against the SHA-256 sums below, whatever its source.
#
# Environment:
#   ONNXRUNTIME_ARCHIVE             the same as ARCHIVE
#   ONNXRUNTIME_ALLOW_UNVERIFIED=1  accept an ARCHIVE whose library is not one of the pinned builds, with a warning
#   ONNXRUNTIME_PLATFORM=OS-ARCH    bring the library of another platform than this machine's (linux-arm64, say)
#   ONNXRUNTIME_DIR                 use this folder instead of .onnxruntime in the project's folder
#
# Plain POSIX sh; it needs a tool that computes SHA-256 (sha256sum, shasum, openssl or python3), and tar, or one of
# unzip, bsdtar and python3, to open what it fetched.
#
# A new version: change "version" and the six sums, which are those of the library files inside the archives.
set -eu
LC_ALL=C
export LC_ALL

version=1.30.0

# pinned SUM: is this a known build for $platform?
pinned() {
    case $platform:$1 in
    # the Python wheel's (one build for all Python versions)
    linux-amd64:c902c70b3003c0e99fada202f37478c515ae9bba7944c2b2abd0017bae0c82ed) ;;
    linux-arm64:8a218e1e446880131115c368ec7005969a5022af9a15a26173de648fef0b7789) ;;
    darwin-arm64:8f54aa3989f2d4b2f9fbe8af298b1c147978ec899a8c28e20d0d35edc0005027) ;;
    # the npm package's
    linux-amd64:ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23) ;;
    linux-arm64:1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76) ;;
    darwin-arm64:685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d) ;;
    *) return 1 ;;
    esac
}

say() { printf 'onnxruntime.sh: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# sum_of FILE prints its SHA-256.
sum_of() {
    case $hasher in
    sha256sum) set -- "$(sha256sum <"$1")" ;;
    shasum) set -- "$(shasum -a 256 <"$1")" ;;
    openssl) set -- "$(openssl dgst -sha256 -r <"$1")" ;;
    python3) set -- "$(python3 -c 'import hashlib, sys
print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())' <"$1")" ;;
    esac
    printf '%s\n' "${1%% *}"
}

# bytes FILE OFFSET COUNT prints bytes in hexadecimal, without blanks.
bytes() { od -An -v -tx1 -j "$2" -N "$3" "$1" 2>/dev/null | tr -d ' \n'; }

# built_for_platform FILE: do the first bytes say that this is a shared library for $platform?
built_for_platform() {
    case $platform:$(bytes "$1" 0 4):$(bytes "$1" 18 2):$(bytes "$1" 4 4) in
    linux-amd64:7f454c46:3e00:*) ;;
    linux-arm64:7f454c46:b700:*) ;;
    darwin-arm64:cffaedfe:*:0c000001) ;;
    darwin-amd64:cffaedfe:*:07000001) ;;
    darwin-*:cafebabe:*) ;; # holds several architectures
    *) return 1 ;;
    esac
}

# accept FILE LABEL: keeps FILE as $tmp/library if it may be used; else returns 1 with the reason in $why.
accept() {
    sum=$(sum_of "$1")
    if pinned "$sum"; then
        verdict='sum checked'
    elif ! built_for_platform "$1"; then
        why="the library in it is not for $platform, or is damaged"
        return 1
    elif [ "$named" = 1 ] && [ "$unverified" = 1 ]; then
        say "warning: using $2, whose library is NOT one of the pinned builds (SHA-256 $sum)"
        verdict='NOT verified'
    else
        why="the SHA-256 of its library is $sum, which is not a pinned build of $version for $platform"
        [ "$named" = 0 ] || why="$why (to use it all the same, set ONNXRUNTIME_ALLOW_UNVERIFIED=1)"
        return 1
    fi
    mv -f "$1" "$tmp/library"
}

# members FILE lists an archive of $kind; member FILE NAME writes one member to standard output.
members() {
    case $kind in
    tgz) tar -tzf "$1" ;;
    unzip) unzip -Z1 "$1" ;;
    bsdtar) bsdtar -tf "$1" ;;
    python3) python3 -c 'import sys, zipfile; print("\n".join(zipfile.ZipFile(sys.argv[1]).namelist()))' "$1" ;;
    esac
}
member() {
    case $kind in
    tgz) tar -xzOf "$1" "$2" ;;
    unzip) unzip -p "$1" "$2" ;;
    bsdtar) bsdtar -xOf "$1" "$2" ;;
    python3) python3 -c 'import shutil, sys, zipfile
shutil.copyfileobj(zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]), sys.stdout.buffer)' "$1" "$2" ;;
    esac </dev/null
}

# list FILE writes the names in an archive to $tmp/members and sets $kind to what can read it.
list() {
    why='it cannot be read: damaged or cut short'
    case $(bytes "$1" 0 4) in
    1f8b*)
        have tar || { why='tar is missing: install it' && return 1; }
        kind=tgz
        members "$1" >"$tmp/members" 2>/dev/null
        ;;
    504b0304)
        readers=
        for kind in unzip bsdtar python3; do
            have "$kind" || continue
            if members "$1" >"$tmp/members" 2>"$tmp/log"; then return 0; fi
            grep -q BusyBox "$tmp/log" || readers=1 # BusyBox's unzip lists no plain names
        done
        [ -n "$readers" ] || why='nothing here opens .whl and .zip files: install unzip, bsdtar or python3'
        return 1
        ;;
    *)
        why='it is neither a shared library nor a .tgz, .whl or .zip'
        return 1
        ;;
    esac
}

# take FILE LABEL: finds the library for $platform in FILE, which is a library or an archive, and leaves it checked in
# $tmp/library, the notices beside it; else returns 1 with the reason in $why.
take() {
    case $(bytes "$1" 0 4) in
    7f454c46 | cffaedfe | cafebabe)
        cp "$1" "$tmp/candidate" && accept "$tmp/candidate" "$2"
        return
        ;;
    esac
    list "$1" || return 1

    # An archive for several platforms names them in its paths; the others need no look inside.
    case $platform in
    linux-amd64) name='libonnxruntime\.so[.0-9]*' place='linux[-/](x64|amd64)/' ;;
    linux-arm64) name='libonnxruntime\.so[.0-9]*' place='linux[-/](arm64|aarch64)/' ;;
    darwin-amd64) name='libonnxruntime[.0-9]*\.dylib' place='(darwin|osx)[-/](x64|x86_64)/' ;;
    darwin-arm64) name='libonnxruntime[.0-9]*\.dylib' place='(darwin|osx)[-/]arm64/' ;;
    esac
    grep -E "^([A-Za-z0-9._+@-]+/)*$name\$" "$tmp/members" | grep -v -e 'dSYM/' -e '\.\./' >"$tmp/candidates" || :
    if grep -E "$place" "$tmp/candidates" >"$tmp/here"; then mv -f "$tmp/here" "$tmp/candidates"; fi

    why="it holds no ONNX Runtime library for $platform"
    while IFS= read -r path; do
        if ! member "$1" "$path" >"$tmp/candidate" 2>/dev/null; then
            why='it cannot be read: damaged or cut short'
            return 1
        fi
        [ -s "$tmp/candidate" ] || continue # a link to the file proper
        accept "$tmp/candidate" "$2" || continue
        for text in LICENSE ThirdPartyNotices; do
            path=$(grep -E "^(\./)?([^/]+/)?$text(\.txt)?\$" "$tmp/members" | head -n 1)
            [ -z "$path" ] || member "$1" "$path" >"$tmp/$text" 2>/dev/null || rm -f "$tmp/$text"
        done
        return 0
    done <"$tmp/candidates"
    return 1
}

# last_words prints the line of a client's log that says best what went wrong: npm's first error, others' last.
last_words() {
    { grep -E '^npm (error|ERR!) ' "$tmp/log" | head -n 1 | grep . || { grep '^ERROR:' "$tmp/log" || cat "$tmp/log"; } |
        grep -v '^ *$' | tail -n 1; } | sed -E 's/^(npm )?(error|ERROR|ERR!):? //' | cut -c 1-200
}

# download URL FILE
download() {
    if have curl; then
        curl -fsSL --retry 2 --connect-timeout 30 -o "$2" "$1"
    elif have wget; then
        wget -nv -T 30 -O "$2" "$1"
    elif have python3; then
        python3 -c 'import shutil, sys, urllib.request
shutil.copyfileobj(urllib.request.urlopen(sys.argv[1], timeout=30), open(sys.argv[2], "wb"))' "$1" "$2"
    else
        echo 'install curl, wget or python3' && return 1
    fi >"$tmp/log" 2>&1
}

from_archive() {
    case $archive in
    http://* | https://*)
        say "fetching $label"
        download "$archive" "$tmp/archive" || fail "cannot fetch $label ($(last_words)): check the address and the network"
        set -- "$tmp/archive"
        ;;
    file://localhost/*) set -- "${archive#file://localhost}" ;;
    file://*) set -- "${archive#file://}" ;;
    *) set -- "$archive" ;;
    esac
    [ -f "$1" ] && [ -r "$1" ] ||
        fail "cannot read $label: name a library file, a release .tgz, a wheel or an npm package, or name none"
    take "$1" "$label" || fail "cannot use $label: $why"
}

from_pip() {
    pip=
    for client in 'python3 -m pip' pip3 pip; do
        if $client --version >/dev/null 2>&1; then
            pip=$client
            break
        fi
    done
    [ -n "$pip" ] || { why='not installed' && return 1; }
    say "fetching version $version for $platform: the Python wheel, by pip"
    case $platform in
    linux-amd64) tag=manylinux_2_28_x86_64 ;;
    linux-arm64) tag=manylinux_2_28_aarch64 ;;
    darwin-arm64) tag=macosx_14_0_arm64 ;;
    esac
    if ! $pip download --quiet --no-input --disable-pip-version-check --no-deps --only-binary=:all: --implementation cp \
        --python-version 3.11 --platform "$tag" --dest "$tmp/pip" "onnxruntime==$version" >"$tmp/log" 2>&1; then
        why=$(last_words)
        return 1
    fi
    set -- "$tmp"/pip/*.whl
    take "$1" 'the Python wheel'
}

from_npm() {
    have npm || { why='not installed' && return 1; }
    say "fetching version $version for $platform: the npm package (114 MB), by npm pack"
    mkdir "$tmp/npm"
    if ! (cd "$tmp/npm" && npm pack "onnxruntime-node@$version") >"$tmp/log" 2>&1; then
        why=$(last_words)
        return 1
    fi
    set -- "$tmp"/npm/*.tgz
    take "$1" 'the npm package'
}

# mit_license prints ONNX Runtime's licence, for sources that come without it.
mit_license() {
    cat <<'EOF'
MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
EOF
}

# find_platform prints this machine's platform in Go's words.
find_platform() {
    case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) os=$(uname -s) ;;
    esac
    case $(uname -m) in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) arch=$(uname -m) ;;
    esac
    printf '%s-%s\n' "$os" "$arch"
}

# keep: is the library that is there already the one that is wanted?
keep() {
    [ -f "$library" ] || return 1
    sum=$(sum_of "$library")
    if [ "$unverified" = 1 ] && [ "$named" = 1 ]; then
        # The user's own build is wanted, pinned or not: has it been brought before?
        { read -r from_sum from <"$target/SOURCE"; } 2>/dev/null && [ "$from_sum $from" = "$sum $label" ]
    elif [ "$unverified" = 1 ] && { read -r from_sum from <"$target/SOURCE"; } 2>/dev/null && [ "$from_sum" = "$sum" ]; then
        return 0
    elif pinned "$sum"; then
        return 0
    else
        say "$library is not whole, or not a pinned build: replacing it"
        return 1
    fi
}

case ${1-} in
-h | --help)
    sed -n '2,/^set -eu/s/^#\{0,1\} \{0,1\}//p' "$0" | sed '/^set -eu/d'
    exit 0
    ;;
-*) fail "unknown option $1: usage: scripts/onnxruntime.sh [ARCHIVE] (--help says more)" ;;
esac
[ $# -le 1 ] || fail 'too many arguments: usage: scripts/onnxruntime.sh [ARCHIVE] (--help says more)'

archive=${1-}
archive=${archive:-${ONNXRUNTIME_ARCHIVE:-}}
named=0
[ -z "$archive" ] || named=1
label=$archive
case $archive in
*://*) label=$(printf '%s\n' "$archive" | sed -e 's#://[^/@]*@#://#' -e 's/[?#].*//') ;; # without passwords and keys
esac
unverified=${ONNXRUNTIME_ALLOW_UNVERIFIED:-0}
platform=${ONNXRUNTIME_PLATFORM:-}
platform=${platform:-$(find_platform)}
case $platform in
linux-amd64 | linux-arm64) file=libonnxruntime.so ;;
darwin-arm64) file=libonnxruntime.dylib ;;
darwin-amd64)
    file=libonnxruntime.dylib
    [ "$named" = 1 ] ||
        fail "ONNX Runtime $version has no build for macOS on Intel: name your own with ONNXRUNTIME_ARCHIVE (path or URL) and ONNXRUNTIME_ALLOW_UNVERIFIED=1; on Apple silicon set ONNXRUNTIME_PLATFORM=darwin-arm64"
    ;;
*) fail "no ONNX Runtime $version is known for $platform: use linux-amd64, linux-arm64 or darwin-arm64, or start the server with --onnxruntime-library=FILE" ;;
esac

for hasher in sha256sum shasum openssl python3 ''; do
    if have "$hasher"; then break; fi
done
[ -n "$hasher" ] || fail 'nothing here computes SHA-256: install sha256sum, shasum, openssl or python3'

folder=${ONNXRUNTIME_DIR:-}
[ -n "$folder" ] || folder=$(cd "$(dirname "$0")/.." && pwd)/.onnxruntime
target=$folder/$version/$platform
library=$target/$file
if keep; then exit 0; fi

# Everything is made in a folder beside the target, checked there, and moved into place in one step each, the library
# last: a run that is interrupted, or two runs at once, leave either the old library or a whole new one.
{ mkdir -p "$target" && tmp=$(mktemp -d "$target/.tmp.XXXXXX"); } 2>/dev/null ||
    fail "cannot write to $target: make it writable, or set ONNXRUNTIME_DIR to a folder that is"
trap 'rm -rf "$tmp"; rmdir "$target" 2>/dev/null || :' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
find "$target" -name '.tmp.*' -prune -mtime +1 -exec rm -rf {} + 2>/dev/null || : # what a killed run left

if [ "$named" = 1 ]; then
    from_archive
    source=$label
elif from_pip; then
    source='the Python wheel'
else
    pip_why=$why
    if from_npm; then
        source='the npm package'
    else
        fail "cannot fetch ONNX Runtime $version for $platform (pip: $pip_why; npm: $why): install pip or npm and check the network, or name a library, release .tgz or wheel: ONNXRUNTIME_ARCHIVE=PATH-OR-URL scripts/onnxruntime.sh"
    fi
fi

# Alpine and its like: the file would be there and not open.
if [ "$platform" = "$(find_platform)" ] && ls /lib/ld-musl-* >/dev/null 2>&1 && ! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
    say "warning: this system's C library is musl; ONNX Runtime needs glibc 2.28 or newer and will not open here"
fi

[ -s "$tmp/LICENSE" ] || mit_license >"$tmp/LICENSE"
printf '%s %s\n' "$sum" "$source" >"$tmp/SOURCE"
chmod 644 "$tmp/LICENSE" "$tmp/SOURCE" "$tmp/library"
{
    if [ -s "$tmp/ThirdPartyNotices" ]; then
        chmod 644 "$tmp/ThirdPartyNotices" && mv -f "$tmp/ThirdPartyNotices" "$target/ThirdPartyNotices.txt"
    fi &&
        mv -f "$tmp/LICENSE" "$target/LICENSE" &&
        mv -f "$tmp/SOURCE" "$target/SOURCE" &&
        mv -f "$tmp/library" "$library"
} 2>/dev/null || fail "cannot write to $target: make it writable, or set ONNXRUNTIME_DIR to a folder that is"
say "ONNX Runtime $version for $platform is in $library (from $source, $verdict)"
