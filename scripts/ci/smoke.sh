#!/usr/bin/env bash
# Starts bin/galatea on the sample models and on ports that the system chooses, waits until it is ready, asks for what
# model_repo/README.md promises, and ends it with SIGTERM. Needs bash alone.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || :; fi
    rm -rf "$work"
}
trap cleanup EXIT
say() { echo "smoke.sh: $*"; }
fail() {
    say "$*; the log:" >&2
    sed 's/^/    /' "$work/log" >&2
    exit 1
}

# ask PORT METHOD PATH [BODY-FILE] prints the answer, head and body.
ask() {
    local port=$1 length=0
    if [ $# = 4 ]; then length=$(wc -c <"$4" | tr -d ' '); fi
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    {
        printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' "$2" "$3" "$length"
        if [ $# = 4 ]; then cat "$4"; fi
    } >&3
    cat <&3
    exec 3>&-
}
# expect WHAT ANSWER TEXT
expect() {
    case $2 in
    *"$3"*) say "$1" ;;
    *)
        printf '%s\n' "$2" >&2
        fail "$1: expected $3 in the answer"
        ;;
    esac
}
# port NAME finds the port in the line that says where the server listens.
port() { sed -n "s/.*msg=listening.* $1=127\.0\.0\.1:\([0-9]*\).*/\1/p" "$work/log"; }

bin/galatea serve --model-repository=model_repo --http-port=0 --grpc-port=0 --metrics-port=0 --shutdown-delay=0s >"$work/log" 2>&1 &
server=$!
deadline=$((SECONDS + 60))
until [ -n "$(port http)" ] && ask "$(port http)" GET /v2/health/ready 2>/dev/null | head -n 1 | grep -q ' 200 '; do
    kill -0 "$server" 2>/dev/null || fail 'it ended before it was ready'
    [ "$SECONDS" -lt "$deadline" ] || fail 'it was not ready in 60 seconds'
    sleep 0.1
done
http=$(port http) metrics=$(port metrics)
say "ready on port $http"

expect 'digits 2 reads 0, 5 and 2' "$(ask "$http" POST /v2/models/digits/infer model_repo/.examples/digits.json)" '"data":[0,5,2]'
expect 'digits 1 takes the 2 for a 3' "$(ask "$http" POST /v2/models/digits/versions/1/infer model_repo/.examples/digits.json)" '"data":[0,5,3]'
expect 'language knows seven texts' "$(ask "$http" POST /v2/models/language/infer model_repo/.examples/text.json)" '"English","German","French"'
expect 'an unknown model is refused' "$(ask "$http" POST /v2/models/nobody/infer model_repo/.examples/text.json)" ' 404 '
expect 'metrics count the rows' "$(ask "$metrics" GET /metrics)" 'nv_inference_count{model="digits",version="2"} 3'

kill -TERM "$server"
status=0
wait "$server" || status=$?
server=
[ "$status" = 0 ] || fail "it ended with $status on SIGTERM"
say 'ended with 0 on SIGTERM'
