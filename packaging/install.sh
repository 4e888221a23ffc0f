#!/bin/sh
# Installs liblatentmim.so, its header, a file for pkg-config and one for CMake.
#
# Usage, from the repository's root: PREFIX=/usr/local LIBDIR=/usr/local/lib DESTDIR= packaging/install.sh LIBRARY
#   LIBRARY  the liblatentmim.so that was built
#   DESTDIR  what stands before all paths while installing, for packages
set -eu
library=$1
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
here=$(cd "$(dirname "$0")" && pwd)
[ -e "$library" ] || { echo "$library is not there: run \`make library\` first" >&2; exit 1; }
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../pyproject.toml")
include_from_libdir=$(realpath -m --relative-to="$libdir" "$prefix/include")

place() {
  install -d "$DESTDIR$2"
  sed -e "s|@PREFIX@|$prefix|" -e "s|@LIBDIR@|$libdir|" -e "s|@VERSION@|$version|" \
    -e "s|@MAJOR@|$(echo "$version" | cut -d. -f1)|" -e "s|@MINOR@|$(echo "$version" | cut -d. -f2)|" \
    -e "s|@INCLUDE_FROM_LIBDIR@|$include_from_libdir|" "$here/c/$1.in" >"$DESTDIR$2/$1"
  chmod 644 "$DESTDIR$2/$1"
}
DESTDIR=${DESTDIR:-}
install -d "$DESTDIR$prefix/include" "$DESTDIR$libdir"
install -m 644 "$here/../Sources/CLatentMIM/include/latentmim.h" "$DESTDIR$prefix/include"
install -m 755 -s "$library" "$DESTDIR$libdir/liblatentmim.so"
place latentmim.pc "$libdir/pkgconfig"
place latentmim-config.cmake "$libdir/cmake/latentmim"
place latentmim-config-version.cmake "$libdir/cmake/latentmim"
