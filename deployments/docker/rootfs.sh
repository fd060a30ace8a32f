#!/bin/sh
# Lays out the file tree of the image: the binary, ONNX Runtime's library, and of the system only what the two open.
# Plain POSIX sh. The Dockerfile runs it in its build stage, on Debian; scripts/check-image.sh runs it on any Linux with
# glibc, so that the tree can be weighed and tried without a container engine.
#
# Usage: deployments/docker/rootfs.sh BINARY LIBRARY FOLDER
set -eu
LC_ALL=C
export LC_ALL

fail() {
    printf 'rootfs.sh: %s\n' "$*" >&2
    exit 1
}
[ $# = 3 ] || fail 'usage: deployments/docker/rootfs.sh BINARY LIBRARY FOLDER'
binary=$1 library=$2 root=$3
for file in "$binary" "$library"; do
    [ -f "$file" ] || fail "$file is missing: build the binary and fetch the library first"
done
project=$(cd "$(dirname "$0")/../.." && pwd)

umask 022
mkdir -p "$root/usr/local/bin" "$root/opt/galatea/lib" "$root/etc/ssl/certs" "$root/models" "$root/tmp"
chmod 1777 "$root/tmp"

# Ours, with the licences that have to travel with it.
cp "$binary" "$root/usr/local/bin/galatea"
cp "$library" "$root/opt/galatea/lib/libonnxruntime.so"
for text in LICENSE ThirdPartyNotices.txt; do
    [ ! -f "$(dirname "$library")/$text" ] || cp "$(dirname "$library")/$text" "$root/opt/galatea/lib/$text"
done
[ ! -f "$project/LICENSE" ] || cp "$project/LICENSE" "$root/opt/galatea/LICENSE"
chmod 755 "$root/usr/local/bin/galatea"

# The shared libraries that the two need, and the loader, at the paths where the loader looks for them.
needed=$({ ldd "$binary" && ldd "$library"; } 2>/dev/null) ||
    fail "ldd cannot read $binary and $library: both have to be made for this machine, the binary with cgo"
case $needed in *'not found'*) fail "a shared library is missing here: $(printf '%s\n' "$needed" | grep 'not found')" ;; esac
printf '%s\n' "$needed" | grep -o '/[^ ]*' | sort -u | while IFS= read -r file; do
    mkdir -p "$root${file%/*}"
    cp -L "$file" "$root$file"
    chmod 755 "$root$file"
done

# Who it runs as, how it looks up names, whom it trusts (traces may go out over TLS).
echo 'galatea:x:65532:65532:Galatea:/:/sbin/nologin' >"$root/etc/passwd"
echo 'galatea:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    if [ -f "$file" ]; then
        cp -L "$file" "$root/etc/ssl/certs/ca-certificates.crt"
        break
    fi
done

# ONNX Runtime's StringNormalizer changes case by the locale that the model names, and by en_US.UTF-8 where it names
# none; it does not load without that locale. C.UTF-8 comes with glibc and has the same tables of letters, so it stands
# in for it. Locales of other languages are not in the image.
[ -d /usr/lib/locale/C.utf8 ] || fail '/usr/lib/locale/C.utf8 is missing: install the C.UTF-8 locale (libc-bin on Debian)'
mkdir -p "$root/usr/lib/locale"
cp -R /usr/lib/locale/C.utf8 "$root/usr/lib/locale/"
ln -sf C.utf8 "$root/usr/lib/locale/en_US.utf8"

# What vulnerability scanners read to learn which packages these files come from, and the packages' licences.
if command -v dpkg-query >/dev/null; then
    mkdir -p "$root/var/lib/dpkg/status.d"
    cp -L /etc/os-release "$root/etc/os-release"
    for package in libc6 libc-bin libgcc-s1 libstdc++6 ca-certificates; do
        dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package" || fail "package $package is missing: install it"
        mkdir -p "$root/usr/share/doc/$package"
        cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/"
    done
fi
