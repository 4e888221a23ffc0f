"""The instruction set changes between computations, whatever other threads do."""

import subprocess
import sys

import pytest

# In a process of its own: memory that two sets disagree about would be overwritten.
PROGRAM = """
import threading
import numpy as np
import latentmim as lm

lm.set_thread_count(1)
encoder = lm.LatentMIM(width=96, depth=3, heads=3, grid=4, patch_size=8, patch_gap=2, num_visible=4, decoder_width=32,
                       decoder_heads=4, projector_width=64).encoder
images = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
sets = []
for name in ("portable", "avx2", "avx512"):
    try:
        lm.runtime.set_instruction_set(name)
        sets.append(name)
    except ValueError:
        pass
wanted, changes, ended = encoder.features(images), 0, False

def compute():
    while not ended:
        assert np.allclose(encoder.features(images), wanted, rtol=1e-4, atol=1e-4)

thread = threading.Thread(target=compute)
thread.start()
while changes < 3000 and thread.is_alive():
    changes += 1
    lm.runtime.set_instruction_set(sets[changes % len(sets)])
ended = True
thread.join()
print(changes)
"""


@pytest.mark.parametrize("attempt", range(2))
def test_a_change_waits_for_what_other_threads_compute(attempt: int) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "3000", (attempt, done.stderr)
