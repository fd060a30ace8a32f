# shellcheck shell=bash
# Sourced by the check_*.sh that ask with curl.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect WHAT STATUS TEXT ARGUMENT... asks with curl's arguments; TEXT, if there is one, is in the answer.
expect() {
    local what=$1 status=$2 text=$3 got
    shift 3
    got=$(curl --silent --max-time 30 --output "$work/body" --write-out '%{http_code}' "$@")
    if [ "$got" = "$status" ] && { [ -z "$text" ] || grep --quiet --text --fixed-strings -e "$text" "$work/body"; }; then
        echo "$what"
        return
    fi
    echo "$what: expected $status with $text, got $got with $(head -c 1000 "$work/body" | tr -d '\0')"
    exit 1
}
