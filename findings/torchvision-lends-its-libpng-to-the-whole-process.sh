#!/usr/bin/env bash
# Guess: libraries bundled in torchvision's wheel serve torchvision alone, as
#   Pillow's do: their file names carry a hash so that they meet no others.
# What happens: the file's name carries one, the name inside it (SONAME) does not:
#   torchvision's libpng still calls itself libpng16.so.16. Once it is loaded,
#   every other module of the process that asks for Debian's libpng16.so.16 gets
#   torchvision's, another version built with other options. Pillow's copy says
#   its hashed name inside, too, and lends itself to nobody.
# Versions: torchvision 0.29.2 and pillow 13.0.0 (wheels), Debian 12's libpng16-16.
# Why it matters: a decoder that is right alone may behave otherwise after
#   `import torchvision`, for instance where it leaves out checksums by an option
#   that only one of the two builds knows. Tests without torchvision see nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
for package in torchvision==0.29.2 pillow==13.0.0; do
    "$work/venv/bin/pip" install --quiet --no-compile --no-deps --disable-pip-version-check "$package"
done
cd "$work"
python3 - "$work" <<'PY'
import pathlib
import subprocess
import sys

ASK = """
import ctypes, sys
for path in sys.argv[1:]:
    ctypes.CDLL(path)
print(ctypes.CDLL("libpng16.so.16").png_access_version_number())
"""


def version(*first):
    """Of the libpng that a process gets which has loaded some libraries before."""
    return subprocess.run([sys.executable, "-c", ASK, *first], check=True, capture_output=True, text=True).stdout.strip()


site = next(pathlib.Path(sys.argv[1]).glob("venv/lib/python3*/site-packages"))
found = {"alone": version()}
for name in ("pillow", "torchvision"):
    libraries = site / f"{name}.libs"
    zlib = sorted(map(str, libraries.glob("libz.*")))
    found[name] = version(*zlib, *map(str, libraries.glob("libpng16*")))
for before, number in found.items():
    print(f"{before:12} libpng16.so.16 is {number}")
as_stated = found["pillow"] == found["alone"] != found["torchvision"]
sys.exit(0 if as_stated else "CHANGED: the process gets its own libpng, or Pillow's")
PY
