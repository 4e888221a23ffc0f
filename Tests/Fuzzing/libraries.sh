#!/bin/sh
# Builds the libraries that decode images from Debian's sources, with AddressSanitizer and coverage: what runs in the
# fuzzers is what Debian ships, patches included, but portable C in place of assembly.
#
# Usage: libraries.sh OUT. Libraries come to OUT/lib, headers to OUT/include; nothing happens where they are there.
set -eu
out=$(realpath -m "$1")
[ -e "$out/done" ] && exit 0
mkdir -p "$out/source/lists/partial"
cd "$out/source"

# Source packages of the versions that are installed or newer, without changing the system's own lists.
keys=/usr/share/keyrings/debian-archive-keyring.gpg
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
{
  echo "deb-src [signed-by=$keys] http://deb.debian.org/debian $release main"
  echo "deb-src [signed-by=$keys] http://deb.debian.org/debian-security $release-security main"
} >sources.list
options="-qq -o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$PWD/lists
  -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=$(id -un)"
apt-get $options update
for package in libjpeg62-turbo libpng16-16 libdeflate0 libwebp7 libtiff6; do
  name=$(dpkg-query -W -f '${source:Package}' $package)
  # The installed version is not kept once there is a newer one.
  for version in $(dpkg-query -W -f '${source:Version}' $package; echo;
    apt-cache $options showsrc "$name" | sed -n 's/^Version: //p' | sort -Vr); do
    apt-get $options source "$name=$version" && break
  done
done

flags="-O2 -g -w -fsanitize=fuzzer-no-link,address -fno-omit-frame-pointer"
build() {
  name=$1
  shift
  cmake -S "$name"-*/ -B "build-$name" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_COMPILER=clang \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld -DBUILD_SHARED_LIBS=OFF -DCMAKE_PREFIX_PATH="$out" \
    -DCMAKE_INSTALL_PREFIX="$out" -DCMAKE_INSTALL_LIBDIR="$out/lib" "$@" >"$name.log" 2>&1
  cmake --build "build-$name" --target install --parallel "${JOBS:-2}" >>"$name.log" 2>&1
}
without() { for part in "$@"; do echo "-D$part=OFF"; done; }
build libjpeg-turbo $(without ENABLE_SHARED WITH_SIMD WITH_TURBOJPEG)
build libpng1.6 $(without PNG_SHARED PNG_TESTS)
make -C libdeflate-*/ CC=clang CFLAGS="$flags" libdeflate.a >libdeflate.log 2>&1
cp libdeflate-*/libdeflate.a "$out/lib" && cp libdeflate-*/libdeflate.h "$out/include"
build libwebp $(without WEBP_BUILD_ANIM_UTILS WEBP_BUILD_CWEBP WEBP_BUILD_DWEBP WEBP_BUILD_GIF2WEBP \
  WEBP_BUILD_IMG2WEBP WEBP_BUILD_VWEBP WEBP_BUILD_WEBPINFO WEBP_BUILD_WEBPMUX WEBP_BUILD_EXTRAS)
build tiff $(without tiff-tools tiff-tests tiff-contrib tiff-docs cxx)
touch "$out/done"
