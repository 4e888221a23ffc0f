#!/usr/bin/env bash
# Guess: offline, what `run.log` was given is soon in the run's .wandb file, since another
#   process, wandb-core, writes it; a kill of the program loses a line or two.
# What happens: the file is written every 15 seconds. When the program is killed,
#   wandb-core ends without writing what it holds: ten lines logged over five seconds
#   leave a file of 7 bytes, twenty seconds later too, and `wandb sync` finds nothing.
# Versions: wandb 0.31.0.
# Why it matters: runs that schedulers kill look shorter than they were, and who resumes
#   from a checkpoint and skips the steps "already logged" has a hole in the curves.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check wandb==0.31.0
cd "$work"
cat > logging_run.py <<'PY'
import os, signal, time
import wandb

run = wandb.init(project="p", id="one", dir=".", mode="offline")
for step in range(1, 11):
    run.log({"loss": 1 / step}, step=step)
    time.sleep(0.5)
os.kill(os.getpid(), signal.SIGKILL)
PY
"$work/venv/bin/python" logging_run.py > /dev/null 2>&1 || true
sleep 20
size=$(stat -c %s "$work"/wandb/offline-run-*/run-one.wandb)
echo "10 lines logged over 5 seconds, then killed; 20 seconds later the file has $size bytes"
# A run of the same lines that ends by itself has kilobytes.
sed -i 's/^os.kill.*/run.finish()/; s/id="one"/id="two"/' logging_run.py
"$work/venv/bin/python" logging_run.py > /dev/null 2>&1
whole=$(stat -c %s "$work"/wandb/offline-run-*/run-two.wandb)
echo "the same lines, and run.finish(): $whole bytes"
[ "$size" -lt 100 ] && [ "$whole" -gt 1000 ] || { echo "CHANGED: lines are written as they come"; exit 1; }
