#!/bin/sh
# Installs the wheel of dist/ in a Debian system that has Python and nothing else, and runs the Python tests there.
#
# Usage, as root: packaging/test_wheel.sh [pytest's arguments]; without any, all tests but those that build something.
# The system lies in .build-wheel/root, with what pip installed into it.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$here/.build-wheel"
[ $# -gt 0 ] || set -- --ignore python/tests/test_examples.py --ignore python/tests/test_notebooks.py \
  --ignore python/tests/test_installed.py python/tests
# For the tests on emulated processors; it stands alone.
emulator=$(command -v qemu-x86_64-static || true)
SHARED=${emulator:+$(dirname "$emulator")} "$here/packaging/bare_root.sh" "$here/.build-wheel/root" "python3 python3-venv" sh -euc '
  [ -x /venv/bin/python ] || python3 -m venv /venv
  wheel=$(ls /dist/latentmim-*.whl)
  /venv/bin/pip install --quiet "$wheel[test]"
  /venv/bin/pip install --quiet --no-deps --force-reinstall "$wheel"
  for library in openblas jpeg png16 tiff webp deflate swiftCore; do
    ! ldconfig -p | grep "lib$library" || { echo "lib$library is in the bare system"; exit 1; }
  done
  [ ! -e /shared/qemu-x86_64-static ] || cp /shared/qemu-x86_64-static /usr/local/bin
  cd /work
  /venv/bin/latentmim --version
  exec /venv/bin/python -m pytest -q -p no:cacheprovider "$@"' sh "$@"
