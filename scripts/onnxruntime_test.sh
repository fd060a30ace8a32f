#!/bin/sh
# Tests scripts/onnxruntime.sh without a network: a small file takes the place of the library, in a copy of the script
# that has its sum pinned; every form of archive is made of it here, and the clients are replaced by stand-ins too.
# Where the real library was fetched before, the script itself must be content with it. Plain POSIX sh; takes seconds.
#
# Usage: scripts/onnxruntime_test.sh
set -eu
LC_ALL=C
export LC_ALL
unset ONNXRUNTIME_ARCHIVE ONNXRUNTIME_ALLOW_UNVERIFIED ONNXRUNTIME_PLATFORM ONNXRUNTIME_DIR
no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
export no_proxy NO_PROXY

scripts=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's/^version=//p' "$scripts/onnxruntime.sh")
shell=${TEST_SHELL:-/bin/sh}

case $(uname -s)-$(uname -m) in
Linux-x86_64) platform=linux-amd64 place=linux/x64 other=linux-arm64 ;;
Linux-aarch64) platform=linux-arm64 place=linux/arm64 other=linux-amd64 ;;
Darwin-arm64) platform=darwin-arm64 place=darwin/arm64 other=linux-amd64 ;;
*) echo "onnxruntime_test.sh: no library is pinned for $(uname -s)-$(uname -m)" >&2 && exit 1 ;;
esac
case $platform in
linux-*) lib=libonnxruntime.so inner=libonnxruntime.so.$version short=libonnxruntime.so.1 ;;
*) lib=libonnxruntime.dylib inner=libonnxruntime.$version.dylib short=$inner ;;
esac

work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
cd "$work"

# The programs that the script may use, without any client: tests add what they need.
tools=$work/tools
mkdir "$tools"
for tool in cat chmod cp cut dirname env find getconf grep gzip head ls mkdir mktemp mv od openssl perl rm rmdir sed \
    sha256sum shasum sleep sort tail tar tr uname; do
    at=$(command -v "$tool") && ln -s "$at" "$tools/$tool"
done

# Python may be reached through a wrapper that needs more than that.
if command -v python3 >/dev/null; then python=$(python3 -c 'import sys; print(sys.executable)'); else python=; fi
# only NAME makes the folder "only", with that one program.
only() {
    rm -rf "$work/only"
    mkdir "$work/only"
    case $1 in
    python3) ln -s "$python" "$work/only/python3" ;;
    *) ln -s "$(command -v "$1")" "$work/only/$1" ;;
    esac
}

count=0
failed=0
problem() {
    echo "FAIL: $name: $*" >&2
    [ ! -s "$work/output" ] || sed 's/^/    /' "$work/output" >&2
    failed=$((failed + 1))
}
begin() {
    name=$1
    count=$((count + 1))
    rm -rf "$work/to" "$work/output"
    mkdir "$work/to"
    path=$PATH
    dir=$work/to
    at=$dir/$version/$platform
}
# run ARGUMENT... runs the script with $path, into $dir; its status is in $status, its text in $work/output.
run() {
    status=0
    PATH=$path ONNXRUNTIME_DIR=$dir "$shell" "$script" "$@" >"$work/output" 2>&1 || status=$?
}
works() {
    [ "$status" = 0 ] || problem "ended with $status"
    cmp -s "${1:-$real}" "$at/$lib" || problem "the library is missing or wrong"
    grep -q Microsoft "$at/LICENSE" || problem "the licence is missing"
    [ -z "$(find "$dir" -name '.tmp*')" ] || problem "left a temporary folder"
}
# fails PATTERN: the run failed, its last line holds PATTERN, and nothing that could be taken for a library is left.
fails() {
    [ "$status" = 1 ] || problem "ended with $status, not 1"
    tail -n 1 "$work/output" | grep -q -e "$1" || problem "the last line does not say \"$1\""
    [ -z "$(find "$dir" -type f)" ] || problem "left a file: $(find "$dir" -type f)"
}
says() { grep -q -e "$1" "$work/output" || problem "does not say \"$1\""; }
silent() { [ ! -s "$work/output" ] || problem "should print nothing"; }

# zip ARCHIVE FOLDER: no program for that is sure to be there, but Python or zip is.
make_zip() {
    if command -v python3 >/dev/null; then
        python3 - "$1" "$2" <<'EOF'
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    for folder, _, files in os.walk(sys.argv[2]):
        for f in files:
            z.write(os.path.join(folder, f), os.path.relpath(os.path.join(folder, f), sys.argv[2]))
EOF
    else
        (cd "$2" && zip -q -0 -r - .) >"$1"
    fi
}

# head_of PLATFORM prints how a shared library for it begins.
head_of() {
    case $1 in
    linux-amd64) printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\003\000\076\000' ;;
    linux-arm64) printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\003\000\267\000' ;;
    *) printf '\317\372\355\376\014\000\000\001' ;;
    esac
}
real=$work/real/$inner
mkdir real project project/scripts
{ head_of "$platform" && head -c 300000 /dev/urandom; } >"$real"
{ head_of "$platform" && echo mine; } >mine
{ head_of "$other" && echo theirs; } >theirs

# The copy of the script, with the stand-in's sum in place of this platform's first one.
script=$work/project/scripts/onnxruntime.sh
for hasher in 'sha256sum' 'shasum -a 256' 'openssl dgst -sha256 -r'; do
    if sum=$($hasher <"$real" 2>/dev/null); then break; fi
done
sed -E "s/^( *$platform):[0-9a-f]{64}\)/\1:${sum%% *})/" "$scripts/onnxruntime.sh" >"$script"

# The archives, in the forms that their makers give them.
mkdir -p wheel/onnxruntime/capi "release/ort-$version/lib" "npm/package/bin/napi-v6/$place" npm/package/bin/napi-v6/win32/x64
cp "$real" wheel/onnxruntime/capi/
echo 'Copyright (c) Microsoft Corporation' >wheel/onnxruntime/LICENSE
echo 'notices' >wheel/onnxruntime/ThirdPartyNotices.txt
echo 'providers' >wheel/onnxruntime/capi/libonnxruntime_providers_shared.so
make_zip onnxruntime.whl wheel

cp "$real" "release/ort-$version/lib/"
ln -s "$inner" "release/ort-$version/lib/$lib"
cp wheel/onnxruntime/LICENSE wheel/onnxruntime/ThirdPartyNotices.txt "release/ort-$version/"
tar -cf - -C release "ort-$version" | gzip -1 >release.tgz

mkdir -p npm/package/bin/napi-v6/linux/other npm/package/bin/napi-v6/darwin/other
cp "$real" "npm/package/bin/napi-v6/$place/$short"
echo 'another system' >"npm/package/bin/napi-v6/linux/other/$short"
echo '{}' >npm/package/package.json
tar -cf - -C npm package | gzip -1 >npm.tgz
make_zip npm.zip npm

for archive in "$real" release.tgz onnxruntime.whl npm.tgz npm.zip; do
    begin "an archive: ${archive##*/}"
    run "$archive"
    works
    says 'sum checked'
    case $archive in
    *.whl | release*) [ -s "$at/ThirdPartyNotices.txt" ] || problem 'the third-party notices are missing' ;;
    *) ;;
    esac
done

begin 'what is there already is kept'
mkdir -p "$at"
cp "$real" "$at/$lib"
path=$tools
run
[ "$status" = 0 ] || problem "ended with $status"
silent
run no-such-archive
[ "$status" = 0 ] || problem "ended with $status"
silent

begin 'a file that was cut short is replaced'
mkdir -p "$at"
head -c 100000 "$real" >"$at/$lib"
run release.tgz
works

begin 'the archive may be named by the environment, and as a file URL'
ONNXRUNTIME_ARCHIVE=file://$work/onnxruntime.whl run
works

for reader in unzip bsdtar python3; do
    command -v "$reader" >/dev/null || continue
    begin "a wheel opened by $reader"
    only "$reader"
    path=$tools:$work/only
    run onnxruntime.whl
    works
done

begin 'a wheel, and nothing that opens it'
path=$tools
run onnxruntime.whl
fails 'install unzip, bsdtar or python3'

for hasher in sha256sum shasum openssl python3; do
    command -v "$hasher" >/dev/null || continue
    begin "sums by $hasher"
    only "$hasher"
    for tool in "$tools"/*; do
        case ${tool##*/} in sha256sum | shasum | openssl) ;; *) ln -s "$tool" only/ ;; esac
    done
    path=$work/only
    run "$real"
    works
done

begin 'no client at all'
path=$tools
run
fails 'pip: not installed; npm: not installed): install pip or npm .*ONNXRUNTIME_ARCHIVE='

begin 'an archive that is not there'
run /no/such/file.tgz
fails 'cannot read /no/such/file.tgz'

begin 'a folder'
run "$work"
fails 'name a library file'

begin 'a text file'
echo '<html>not found</html>' >page.tgz
run page.tgz
fails 'neither a shared library nor'

for archive in release.tgz onnxruntime.whl; do
    begin "$archive, cut short"
    head -c 200000 "$archive" >"cut-$archive"
    run "cut-$archive"
    fails 'damaged or cut short'
done

begin 'an archive of something else'
tar -cf - -C npm package/package.json | gzip -1 >else.tgz
run else.tgz
fails "no ONNX Runtime library for $platform"

begin 'a library with one more byte'
{ cat "$real" && echo; } >changed
run changed
fails 'not a pinned build.*ONNXRUNTIME_ALLOW_UNVERIFIED=1'

begin 'a library for another platform'
ONNXRUNTIME_ALLOW_UNVERIFIED=1 run theirs
fails "not for $platform"

begin 'an unknown library is refused'
run mine
fails 'not a pinned build'

begin 'an unknown library is accepted when asked, with a warning'
ONNXRUNTIME_ALLOW_UNVERIFIED=1 run mine
works mine
says 'warning: .*NOT one of the pinned builds'
ONNXRUNTIME_ALLOW_UNVERIFIED=1 run mine
silent
ONNXRUNTIME_ALLOW_UNVERIFIED=1 run
silent
run release.tgz
says 'replacing it'
works
ONNXRUNTIME_ALLOW_UNVERIFIED=1 run mine
works mine

begin 'the library of another platform may be asked for'
ONNXRUNTIME_PLATFORM=$other ONNXRUNTIME_ALLOW_UNVERIFIED=1 run theirs
at=$dir/$version/$other
works theirs

begin 'a platform that is not known'
ONNXRUNTIME_PLATFORM=plan9-mips run
fails 'plan9-mips'

begin 'a folder that cannot be written'
: >"$work/to/file"
dir=$work/to/file
run "$real"
[ "$status" = 1 ] || problem "ended with $status"
says 'cannot write to'

# Stand-ins for the clients.
mkdir clients
cat >clients/pip <<'EOF'
#!/bin/sh
[ "$1" != --version ] || exit 0
case $STAND_IN in
works) while [ "$1" != --dest ]; do shift; done && mkdir "$2" && cp "$WHEEL" "$2/onnxruntime-x.whl" ;;
slow) while [ "$1" != --dest ]; do shift; done && mkdir "$2" && echo half >"$2/onnxruntime-x.whl" && : >"$STARTED" && sleep 1 && exit 1 ;;
changed) while [ "$1" != --dest ]; do shift; done && mkdir "$2" && cp "$CHANGED" "$2/onnxruntime-x.whl" ;;
*) echo 'ERROR: no network' >&2 && exit 1 ;;
esac
EOF
cat >clients/npm <<'EOF'
#!/bin/sh
[ "$NPM" != none ] || { printf 'npm error code E404\nnpm error more\n' >&2 && exit 1; }
cp "$NPM" onnxruntime-node-x.tgz
EOF
chmod +x clients/pip clients/npm
WHEEL=$work/release.tgz NPM=$work/npm.tgz CHANGED=$work/changed STARTED=$work/started
export WHEEL NPM CHANGED STARTED

begin 'pip first'
path=$tools:$work/clients
STAND_IN=works run
works
says 'from the Python wheel'

begin 'npm where pip fails'
path=$tools:$work/clients
STAND_IN=fails run
works
says 'from the npm package'

begin 'npm where pip brings something else'
path=$tools:$work/clients
STAND_IN=changed run
works
says 'from the npm package'

begin 'both clients fail'
path=$tools:$work/clients
STAND_IN=changed NPM=none run
fails 'pip: the SHA-256 .* not a pinned build.*npm: code E404): install pip or npm'

begin 'an interrupted run leaves nothing'
path=$tools:$work/clients
STAND_IN=slow PATH=$path ONNXRUNTIME_DIR=$dir "$shell" "$script" >"$work/output" 2>&1 &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -e started ] || sleep 0.1; done
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" = 143 ] || problem "ended with $status, not 143"
[ -z "$(find "$dir" -type f)" ] || problem "left a file: $(find "$dir" -type f)"

begin 'several runs at once'
: >"$work/output"
pids=
for _ in 1 2 3 4; do
    ONNXRUNTIME_DIR=$dir "$shell" "$script" release.tgz >>"$work/output" 2>&1 &
    pids="$pids $!"
done
status=0
for pid in $pids; do wait "$pid" || status=$?; done
works

if command -v python3 >/dev/null; then
    "$python" -u -c 'import http.server
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
print(s.server_port)
s.serve_forever()' >port &
    server=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -s port ] || sleep 0.1; done
    port=$(cat port)
    for client in curl wget python3; do
        command -v "$client" >/dev/null || continue
        only "$client"
        begin "a URL, by $client"
        path=$tools:$work/only
        case $client in python3) user= ;; *) user=user:secret@ ;; esac # Python's takes no password in a URL
        run "http://${user}127.0.0.1:$port/release.tgz?key=secret"
        works
        ! grep -q secret "$work/output" "$at/SOURCE" || problem 'shows what is secret in the URL'
        begin "a URL that is not there, by $client"
        path=$tools:$work/only
        run "http://127.0.0.1:$port/none.tgz"
        fails 'cannot fetch .*404'
    done
    begin 'a URL, and nothing that fetches it'
    path=$tools
    run "http://127.0.0.1:$port/release.tgz"
    fails 'install curl, wget or python3'
fi

fetched=$(dirname "$scripts")/.onnxruntime/$version/$platform/$lib
if [ -f "$fetched" ]; then
    begin 'the library that was fetched before'
    script=$scripts/onnxruntime.sh
    path=$tools
    run "$fetched"
    works "$fetched"
    says 'sum checked'
fi

if [ "$failed" != 0 ]; then
    echo "onnxruntime_test.sh: $failed problems in $count cases" >&2
    exit 1
fi
echo "onnxruntime_test.sh: $count cases passed"
