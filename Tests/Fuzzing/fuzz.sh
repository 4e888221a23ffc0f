#!/bin/sh
# Feeds changed image files to each decoder under AddressSanitizer and prints a row of totals for each.
#
# Usage, from the repository's root: Tests/Fuzzing/fuzz.sh [TARGET …]
#   TARGET      jpeg, png, webp, tiff (C entries of CImageCodecs), bmp, pnm, npy, orientation (Swift); all unless said
#   RUNS        inputs for each target, 1000000 unless said
#   RSS_MB      MiB that the fuzzer may take in all, 2500 unless said
#   FUZZ_VALUES values that a picture may have, 1048576 unless said; what a header says beyond is not decoded
# What is found lies in .build-fuzz/found, the log of each run in .build-fuzz/TARGET.log, inputs that reached new code
# in .build-fuzz/corpus: the next run begins with them.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/Tests/Fuzzing
out=$root/.build-fuzz
libraries=$out/libraries
mkdir -p "$out/found"

"$root/packaging/codecs.sh" fuzzing "$libraries"

build_c() {
  codec=$1
  shift
  clang -O2 -g -Wall -Wextra -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -fuse-ld=lld \
    -I"$libraries/include" -I"$root/Sources/CImageCodecs/include" -DCODEC="$codec" "$@" \
    "$here/fuzz_codec.c" "$root/Sources/CImageCodecs/$codec.c" -o "$out/fuzz_$codec" -L"$libraries/lib" \
    -Wl,--start-group -ltiff -lpng16 -lwebpdemux -lwebp -ljpeg -Wl,--end-group \
    -lz -llzma -lzstd -ldeflate -ljbig -lLerc -lm
}

build_swift() {
  LATENTMIM_FUZZ=1 swift build --package-path "$root" --scratch-path "$out/swift" -c release --product FuzzImages \
    --sanitize address -Xswiftc -sanitize=fuzzer -Xcc -fsanitize=fuzzer-no-link >"$out/swift.log" 2>&1 ||
    { grep error: "$out/swift.log"; exit 1; }
  cp "$out/swift/release/FuzzImages" "$out/fuzz_swift"
}

# The files of the tests that a target begins with.
seeds() {
  mkdir -p "$out/corpus/$1" "$out/seeds/$1"
  cd "$root/Tests/ImagesTests/Fixtures"
  case $1 in
    jpeg) cp ./*.jpg "$out/seeds/$1" ;;
    png) cp formats/*.png "$out/seeds/$1" ;;
    webp) cp formats/*.webp "$out/seeds/$1" ;;
    tiff) cp formats/*.tif "$out/seeds/$1" ;;
    bmp) cp formats/*.bmp "$out/seeds/$1" ;;
    pnm) cp formats/*.p[gp]m "$out/seeds/$1" ;;
    npy) cp formats/*.npy "$out/seeds/$1" ;;
    orientation) cp orientation_*.jpg formats/turned.* "$out/seeds/$1" ;;
  esac
  cd "$root"
}

total() { sed -n "s/^stat::$1: *//p" "$out/$2.log"; }

run() {
  target=$1
  program=$2
  seeds "$target"
  status=0
  "$out/$program" -runs="${RUNS:-1000000}" -max_len=8192 -timeout=20 -rss_limit_mb="${RSS_MB:-2500}" \
    -print_final_stats=1 -reload=0 -artifact_prefix="$out/found/$target-" \
    "$out/corpus/$target" "$out/seeds/$target" >"$out/$target.log" 2>&1 || status=$?
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$out/$target.log" | tail -1)
  printf '%-12s inputs %9s  edges %6s  slowest %ss  peak %s MiB  beside pixels %s bytes  %s\n' "$target" \
    "$(total number_of_executed_units "$target")" "$edges" "$(total slowest_unit_time_sec "$target")" \
    "$(total peak_rss_mb "$target")" "$(total most_bytes_beside_pixels "$target")" \
    "$([ "$status" = 0 ] && echo sound || echo "FOUND, see $out/$target.log")"
  return "$status"
}

is_swift_built=
failures=0
for target in ${*:-jpeg png webp tiff bmp pnm npy orientation}; do
  case $target in
    jpeg) build_c jpeg -DHAS_REDUCTION; program=fuzz_jpeg ;;
    png) build_c png -DHAS_CHECKSUMS -DHAS_LABELS; program=fuzz_png ;;
    webp | tiff) build_c "$target"; program=fuzz_$target ;;
    *)
      [ "$is_swift_built" ] || build_swift
      is_swift_built=yes
      program=fuzz_swift
      ;;
  esac
  run "$target" "$program" || failures=$((failures + 1))
done
[ "$failures" = 0 ]
