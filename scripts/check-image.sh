#!/usr/bin/env bash
# Weighs and tries the image without a container engine: lays out its file tree, adds up the files (at most 150 MB), and
# runs the image's own command in that tree as the image would be run: nothing but the tree in sight (chroot), every file
# system read-only, another user without any privilege. It has to get ready, answer for a model, and end with 0 on
# SIGTERM.
#
# Usage: scripts/check-image.sh [BINARY [LIBRARY]]
#
# Without BINARY it builds one with the image's flags; without LIBRARY it takes the one that scripts/onnxruntime.sh brings.
#
# Environment:
#   MODEL_REPOSITORY  the models to serve (default: model_repo in the project's folder)
#   READY_SECONDS     how long it may take to get ready (default: 60)
#   STOP_SECONDS      how long it may take to end (default: 40)
#
# Linux with glibc, bash, coreutils and util-linux. As root, or where user namespaces are allowed, everything above is
# shown; elsewhere it falls back to a tree without write permission and says what was not shown.
set -euo pipefail
export LC_ALL=C

limit=150000000
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
models=${MODEL_REPOSITORY:-$project/model_repo}

say() { printf 'check-image.sh: %s\n' "$*"; }
fail() {
    say "$*" >&2
    if [ -s "${work:-}/log" ]; then
        say 'the last lines of its log:' >&2
        tail -n 20 "$work/log" | sed 's/^/    /' >&2
    fi
    exit 1
}
case ${1-} in -*) sed -n '2,/^set -euo/s/^# \{0,1\}//p' "$0" && exit 0 ;; esac
[ $# -le 2 ] || fail 'usage: scripts/check-image.sh [BINARY [LIBRARY]]'
[ "$(uname -s)" = Linux ] || fail 'the image is for Linux: run this there'
[ -d "$models" ] || fail "$models is missing: name a model repository with MODEL_REPOSITORY"

work=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then { kill -KILL "$server" && wait "$server"; } 2>/dev/null || :; fi
    chmod -R u+w "$work" 2>/dev/null || :
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$work"

# --- The tree ---

binary=${1-}
if [ -z "$binary" ]; then
    binary=$work/galatea
    (cd "$project" && CGO_ENABLED=1 go build -trimpath -buildvcs=false -ldflags='-s -w' -o "$binary" ./cmd/galatea) ||
        fail 'the binary does not build'
elif command -v readelf >/dev/null && readelf -SW "$binary" | grep -q '\.debug_info'; then
    say "note: $binary is not stripped, the image's is (-trimpath -ldflags '-s -w'): it weighs less than this"
fi
library=${2-}
if [ -z "$library" ]; then
    "$project/scripts/onnxruntime.sh"
    case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
    version=$(sed -n 's/^version=//p' "$project/scripts/onnxruntime.sh")
    library=$project/.onnxruntime/$version/linux-$arch/libonnxruntime.so
fi

root=$work/root
"$project/deployments/docker/rootfs.sh" "$binary" "$library" "$root" || fail 'the tree cannot be laid out'

weigh() { find "$@" -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%.0f\n", sum }'; }
line() { awk -v bytes="$1" -v what="$2" 'BEGIN { printf "  %7.1f MB  %s\n", bytes / 1e6, what }'; }
total=$(weigh "$root")
binary_size=$(weigh "$root/usr/local/bin/galatea")
library_size=$(weigh "$root/opt/galatea/lib/libonnxruntime.so")
system_size=$(find "$root" -type f -name '*.so*' ! -path '*/opt/*' -printf '%s\n' | awk '{ sum += $1 } END { printf "%.0f\n", sum }')
say 'the files of the image:'
line 0 'base (empty)'
line "$binary_size" 'galatea'
line "$library_size" 'ONNX Runtime'
line "$system_size" "the system's shared libraries: $(find "$root" -type f -name '*.so*' ! -path '*/opt/*' -printf '%f ')"
line $((total - binary_size - library_size - system_size)) 'certificates, a locale, licences, package records'
line "$total" "in all (the limit is $((limit / 1000000)) MB)"
[ "$total" -le "$limit" ] || fail "the image would hold $total bytes, more than $limit"

# --- Its command, from the Dockerfile, on loopback and free ports ---

answers() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 12000))
        if ! answers "$port" && [ "$port" != "${http_port:-}" ]; then
            echo "$port"
            return
        fi
    done
    fail 'no free port was found'
}
http_port=$(free_port)
metrics_port=$(free_port)

entry=$(sed -n 's/^ENTRYPOINT \[\(.*\)\]$/\1/p' "$project/deployments/docker/Dockerfile")
[ -n "$entry" ] || fail 'the Dockerfile has no ENTRYPOINT on one line'
command=()
while IFS= read -r word; do
    case $word in --http-address=*) word=--http-address=127.0.0.1 ;; esac
    command+=("$word")
done < <(printf '%s\n' "$entry" | grep -o '"[^"]*"' | tr -d '"')
command+=("--http-port=$http_port" "--grpc-port=0" "--metrics-port=$metrics_port")

# --- As another user, read-only ---

cp -R "$models/." "$root/models/"
chmod -R a-w,a+rX "$root/models" "$root/opt" "$root/usr"
mkdir -p "$root/proc" "$root/sys" "$root/dev"
: >"$work/log"

# in_namespace runs in a mount namespace of its own: makes the tree a read-only mount, with what an engine puts there,
# and becomes the server.
cat >"$work/in_namespace" <<'EOF'
set -eu
root=$1 user=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys" 2>/dev/null || :
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero random urandom; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -o remount,ro,bind "$root/dev"
mount -o remount,ro,bind "$root"
cd "$root"
if [ "$user" = same ]; then
    exec chroot "$root" "$@"
fi
exec setpriv --no-new-privs chroot --userspec="$user:$user" --groups= "$root" "$@"
EOF

clean=(env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin)
if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
    how='chroot, read-only mounts, user 65532 without privileges'
    start=(unshare --mount sh "$work/in_namespace" "$root" 65532 "${command[@]}")
elif unshare --map-root-user --mount true 2>/dev/null; then
    how="chroot, read-only mounts, but as this user (run it as root to try another)"
    start=(unshare --map-root-user --mount sh "$work/in_namespace" "$root" same "${command[@]}")
else
    # No namespaces: the paths of the image are paths inside the tree, and nothing of it can be written.
    how="files without write permission in place of read-only mounts, no chroot"
    for i in "${!command[@]}"; do
        case ${command[i]} in
        /*) command[i]=$root${command[i]} ;;
        --*=/*) command[i]=${command[i]%%=*}=$root${command[i]#*=} ;;
        *) ;;
        esac
    done
    find "$root" -type d -exec chmod a-w {} +
    clean+=("LOCPATH=$root/usr/lib/locale")
    if [ "$(id -u)" = 0 ]; then
        how="$how, user 65532"
        start=(setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs "${command[@]}")
    else
        how="$how, as this user"
        start=("${command[@]}")
    fi
fi

# get PATH prints the body and succeeds if the status is 200.
# shellcheck disable=SC2016
get() {
    timeout 10 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" "$1" >&3 && cat <&3
    ' "$http_port" "$1" 2>/dev/null | awk 'NR == 1 { ok = ($2 == 200) } body { print } /^\r?$/ { body = 1 } END { exit !ok }'
}
alive() { kill -0 "$server" 2>/dev/null; }

say "starting ${command[*]}"
say "($how)"
(cd / && exec "${clean[@]}" "${start[@]}") >"$work/log" 2>&1 &
server=$!
deadline=$((SECONDS + ${READY_SECONDS:-60}))
until get /v2/health/ready >/dev/null; do
    alive || { status=0 && wait "$server" || status=$? && server= && fail "it ended with $status before it was ready"; }
    [ "$SECONDS" -lt "$deadline" ] || fail "it was not ready in ${READY_SECONDS:-60} seconds"
    sleep 0.1
done

owner=$(awk '/^Uid:/ { print $3 }' "/proc/$server/status")
resident=$(awk '/^VmHWM:/ { printf "%.0f", $2 / 1024 }' "/proc/$server/status")
say "ready; user $owner, $resident MiB resident"
case $how in *'user 65532'*) [ "$owner" = 65532 ] || fail "it runs as user $owner" ;; *) ;; esac

served=0
for folder in "$root"/models/*/; do
    model=$(basename "$folder")
    # A model folder is one that holds a version.
    compgen -G "${folder}[0-9]*" >/dev/null || continue
    answer=$(get "/v2/models/$model") || fail "GET /v2/models/$model is not answered with 200: $answer"
    say "GET /v2/models/$model: $(printf '%s' "$answer" | tr -d '\n' | cut -c 1-120)"
    served=$((served + 1))
done
[ "$served" -gt 0 ] || fail "$models holds no model"

kill -TERM "$server"
deadline=$((SECONDS + ${STOP_SECONDS:-40}))
while alive; do
    [ "$SECONDS" -lt "$deadline" ] || fail "it did not end within ${STOP_SECONDS:-40} seconds of SIGTERM"
    sleep 0.1
done
status=0
wait "$server" || status=$?
server=
[ "$status" = 0 ] || fail "it ended with $status on SIGTERM, not 0"
say 'ended with 0 on SIGTERM'
say 'passed'
