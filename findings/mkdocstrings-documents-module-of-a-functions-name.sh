#!/usr/bin/env bash
# Guess: `::: package.features` documents what `package.features` is in Python: the
#   function that `package/__init__.py` imports from its submodule `features`.
# What happens: griffe, which reads the sources for mkdocstrings, keeps the submodule
#   under that name. The page shows the module, or what else stands in it, without
#   the function's name as its anchor; strict builds of MkDocs and Zensical pass.
# Versions: griffelib 2.4.1 (mkdocstrings-python 2.0.11).
# Why it matters: a package that offers a function from a module of its own name
#   (a common layout) loses it from its reference, and nothing says so. The full path,
#   `::: package.features.features`, is what works.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check griffelib==2.4.1
mkdir "$work/package"
echo 'from package.features import features' >"$work/package/__init__.py"
printf 'def features() -> None:\n    """Features."""\n' >"$work/package/features.py"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

import griffe

import package

found = griffe.load("package")["features"]
print(f"Python: {type(package.features).__name__}, griffe: {found.kind.value}")
print(f"by its full path: {griffe.load('package')['features.features'].kind.value}")
surprising = callable(package.features) and found.kind is griffe.Kind.MODULE
print("griffe documents the module instead" if surprising else "as guessed: nothing to see any more")
sys.exit(0 if surprising else 1)
PY
