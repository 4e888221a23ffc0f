#!/usr/bin/env bash
# Guess: EventAccumulator, TensorBoard's reader for programs, gives back every step
#   that was written, as its class says nothing of leaving out.
# What happens: of a run of 25,000 steps it gives 10,000, drawn at random, in order
#   and without a word; the last step is always among them. Of 100 steps at which
#   the loss leapt it finds fewer than half. size_guidance={"scalars": 0} reads all.
# Versions: tensorboard 2.21.0, protobuf 7.36.2, numpy 2.4.6.
# Why it matters: curves that are read back for a paper, or for choosing the best
#   step, are of other steps than were logged: the best one, or the leap that
#   explains a collapse, may be missing, and two runs have no steps in common.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 protobuf==7.36.2 tensorboard==2.21.0
cd "$work"
"$work/venv/bin/python" - 2>/dev/null <<'PY'
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

STEPS = 25_000
LEAPS = set(range(125, STEPS, 250))


def written(folder, steps):
    writer = EventFileWriter(folder)
    for step in range(steps):
        loss = 9.0 if step in LEAPS else 1.0
        value = Summary.Value(tag="loss", simple_value=loss)
        writer.add_event(Event(step=step, wall_time=1e9 + step, summary=Summary(value=[value])))
    writer.close()
    return folder


def read(folder, **options):
    """The steps that come back, and how many of them leapt."""
    found = EventAccumulator(folder, **options)
    found.Reload()
    events = found.Scalars("loss")
    return [event.step for event in events], sum(event.value == 9 for event in events)


written("long", STEPS), written("short", 10_000)
steps, leaps = read("long")
every, all_leaps = read("long", size_guidance={"scalars": 0})
short, _ = read("short")
print(f"{STEPS} written: {len(steps)} come back, first {steps[:6]}, last {steps[-1]}; {leaps} of {len(LEAPS)} leaps")
print(f"with size_guidance: {len(every)}, {all_leaps} leaps; of 10000 written: {len(short)}")
as_stated = (
    len(steps) == 10_000 and steps == sorted(steps) and steps[-1] == STEPS - 1 and leaps < len(LEAPS) / 2
    and every == list(range(STEPS)) and all_leaps == len(LEAPS) and short == list(range(10_000))
)
sys.exit(0 if as_stated else "CHANGED: other steps come back")
PY
