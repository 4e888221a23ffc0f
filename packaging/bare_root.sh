#!/bin/sh
# Runs a command in a Debian system of its own that has no more than the packages named: no Swift, no libraries.
#
# Usage, as root: packaging/bare_root.sh ROOT "PACKAGES" COMMAND …
#   ROOT      where the system lies; made by debootstrap where it is not there yet
#   PACKAGES  of Debian, beside the smallest system, once it is made
# The repository as the last commit has it, without the Python package, lies in /work there, dist/ in /dist, what is in
# the folder SHARED (if that is set) in /shared. SUITE names Debian's release, the one that runs here unless said.
set -eu
root=$1
packages=$2
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)
suite=${SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}

if [ ! -e "$root/made" ]; then
  debootstrap --variant=minbase --include="ca-certificates,$(echo "$packages" | tr " " ,)" "$suite" "$root" \
    >"$root.log" 2>&1 || { tail -5 "$root.log"; exit 1; }
  touch "$root/made"
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
rm -rf "$root/work" "$root/dist"
mkdir -p "$root/work" "$root/dist" "$root/shared"
git -C "$here" archive HEAD | tar -x -C "$root/work" --exclude=python/latentmim
[ ! -d "$here/dist" ] || cp "$here"/dist/* "$root/dist"

# Mounts are the command's own and go with it.
export root
exec unshare --mount sh -euc '
  mount --bind /proc "$root/proc"
  mount --bind /sys "$root/sys"
  mount --bind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/dev/shm" 2>/dev/null || true
  [ -z "${SHARED:-}" ] || mount --bind "$SHARED" "$root/shared"
  exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DISABLE_PIP_VERSION_CHECK=1 chroot "$root" "$@"' sh "$@"
