#!/bin/sh
# Builds the libraries that decode images from Debian's source packages, patches included, as archives.
#
# Usage: codecs.sh fuzzing|shared OUT
#   fuzzing  with AddressSanitizer and coverage, portable C in place of assembly; what else libtiff wants is the
#            system's
#   shared   to be linked into a shared library that carries all of it, libtiff's zlib, Zstandard and LZMA included.
#            JBIG (GPL; not read anyway) and LERC (C++) are left out. OUT/lib/pkgconfig is for PKG_CONFIG_PATH.
# Archives come to OUT/lib, headers to OUT/include, licences to OUT/licences; nothing happens where they are there.
set -eu
kind=$1
out=$(realpath -m "$2")
[ -e "$out/done" ] && exit 0
mkdir -p "$out/source/lists/partial" "$out/licences"
cd "$out/source"

names="libjpeg62-turbo libpng16-16 libdeflate0 libwebp7 libtiff6"
if [ "$kind" = fuzzing ]; then
  flags="-O2 -g -w -fsanitize=fuzzer-no-link,address -fno-omit-frame-pointer"
else
  names="$names zlib1g libzstd1 liblzma5"
  flags="-O3 -w -fPIC -fstack-protector-strong -D_FORTIFY_SOURCE=2 -DNDEBUG"
fi

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
for package in $names; do
  name=$(dpkg-query -W -f '${source:Package}' $package)
  # The installed version is not kept once there is a newer one.
  for version in $(dpkg-query -W -f '${source:Version}' $package; echo;
    apt-cache $options showsrc "$name" | sed -n 's/^Version: //p' | sort -Vr); do
    apt-get $options source "$name=$version" >"$name.log" 2>&1 && break
  done
  cp "$name"-*/debian/copyright "$out/licences/$name.txt"
  echo "$name $version" >>"$out/versions"
done

build() {
  name=$1
  folder=$2
  shift 2
  cmake -S "$name"-*/$folder -B "build-$name" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_COMPILER=clang \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld -DBUILD_SHARED_LIBS=OFF -DCMAKE_PREFIX_PATH="$out" \
    -DCMAKE_INSTALL_PREFIX="$out" -DCMAKE_INSTALL_LIBDIR="$out/lib" "$@" >>"$name.log" 2>&1
  cmake --build "build-$name" --target install --parallel "${JOBS:-2}" >>"$name.log" 2>&1
}
without() { for part in "$@"; do echo "-D$part=OFF"; done; }
if [ "$kind" = shared ]; then
  (cd zlib-*/ && CC=clang CFLAGS="$flags" ./configure --static --prefix="$out" && make libz.a && make install) >>zlib.log 2>&1
  build libzstd build/cmake $(without ZSTD_BUILD_SHARED ZSTD_BUILD_PROGRAMS ZSTD_LEGACY_SUPPORT)
  build xz-utils . $(without BUILD_TESTING)
fi
simd=$([ "$kind" = fuzzing ] && without WITH_SIMD || echo -DREQUIRE_SIMD=ON)
build libjpeg-turbo . $simd $(without ENABLE_SHARED WITH_TURBOJPEG)
build libpng1.6 . $(without PNG_SHARED PNG_TESTS)
make -C libdeflate-*/ CC=clang CFLAGS="$flags" libdeflate.a >>libdeflate.log 2>&1
cp libdeflate-*/libdeflate.a "$out/lib" && cp libdeflate-*/libdeflate.h "$out/include"
build libwebp . $(without WEBP_BUILD_ANIM_UTILS WEBP_BUILD_CWEBP WEBP_BUILD_DWEBP WEBP_BUILD_GIF2WEBP \
  WEBP_BUILD_IMG2WEBP WEBP_BUILD_VWEBP WEBP_BUILD_WEBPINFO WEBP_BUILD_WEBPMUX WEBP_BUILD_EXTRAS)
build tiff . $([ "$kind" = fuzzing ] || without jbig lerc) $(without tiff-tools tiff-tests tiff-contrib tiff-docs cxx)

if [ "$kind" = shared ]; then
  mkdir -p "$out/lib/pkgconfig"
  # Whoever links one of them wants the others, too; unused members of archives are left out.
  all="-L$out/lib -ltiff -lpng16 -lwebpdemux -lwebp -ljpeg -ldeflate -lzstd -llzma -lz"
  for name in libtiff-4 libpng libwebpdemux libjpeg libdeflate; do
    printf 'Name: %s\nDescription: archives\nVersion: 1\nCflags: -I%s/include\nLibs: %s\n' "$name" "$out" "$all" \
      >"$out/lib/pkgconfig/$name.pc"
  done
fi
touch "$out/done"
