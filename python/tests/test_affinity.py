"""Threads go where the process may run: under taskset, bound by a launcher of MPI, and when that changes."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, time, sys
import numpy as np
import latentmim as lm
from latentmim import runtime

def masks():
    found = set()
    for task in os.listdir("/proc/self/task"):
        if os.path.exists(f"/proc/self/task/{task}"):
            found.add(frozenset(os.sched_getaffinity(int(task))))
    return found

def compute():
    time.sleep(0.05)
    runtime.measure_peak(seconds=0.02)
    return lm.thread_count()

usable = sorted(os.sched_getaffinity(0))
assert compute() == len(usable)
os.sched_setaffinity(0, usable[:1])
assert compute() == 1, lm.thread_count()
assert masks() == {frozenset(usable[:1])}, masks()
os.sched_setaffinity(0, usable)
assert compute() == len(usable)
assert masks() == {frozenset(usable)}, masks()
os.sched_setaffinity(0, usable[:1])
lm.set_thread_count(2)
assert compute() == 2
assert masks() == {frozenset(usable[:1])}, masks()
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_threads_follow_the_mask_also_when_it_changes() -> None:
    program = [sys.executable, "-c", PROGRAM]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(program, check=True, timeout=60, env=environment)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_threads_are_as_many_as_the_process_began_with() -> None:
    program = "import os, latentmim as lm; assert lm.thread_count() == len(os.sched_getaffinity(0)) == 1"
    first = min(os.sched_getaffinity(0))
    again = f"os.execv(sys.executable, [sys.executable, '-c', {program!r}])"
    bound = f"import os, sys; os.sched_setaffinity(0, [{first}]); {again}"
    subprocess.run([sys.executable, "-c", bound], check=True, timeout=60)
