#!/bin/sh
# Makes a fresh Debian in a folder, as a container would be, once: tests/fresh puts a layer of its own over it for
# each host. It takes one to three minutes. Needs root, and debootstrap: apt-get install debootstrap.
set -eu
root=$1
[ ! -e "$root/.whole" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "a Debian in a folder needs root; mend: sudo make fresh" >&2; exit 1; }
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap
mkdir -p "$(dirname "$root")"
new=$(mktemp -d "$root.XXXXXX")
trap 'rm -rf "$new"' EXIT
echo "debootstrap makes a fresh Debian in $root: once, one to three minutes"
debootstrap --variant=minbase --include=python3,nginx,openssh-server,sudo bookworm "$new" >"$root.log"
rm -rf "$new"/var/cache/apt/archives/*.deb
touch "$new/.whole"
chmod 755 "$new"
mv "$new" "$root"
