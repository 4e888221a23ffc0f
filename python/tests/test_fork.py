"""Forked children, as data loaders and notebooks make them, compute like their parents."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
from conftest import SMALL, pixels

import latentmim as lm


def work(model: lm.LatentMIM) -> tuple[np.ndarray, list[float]]:
    features = model.encoder.features(pixels(4, 32, 40))
    history = list(lm.Trainer(lm.LatentMIM(**SMALL), pixels(16), epochs=2, batch_size=8))
    return features, [line["loss"] for line in history]


def child(model: lm.LatentMIM, pipe: multiprocessing.connection.Connection) -> None:
    pipe.send(work(model))


def test_fork_after_the_threads_have_worked() -> None:
    """In a process of its own: JAX, which other tests load, does not survive a fork."""
    done = subprocess.run([sys.executable, __file__], cwd=Path(__file__).parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def fork_and_compare() -> None:
    model = lm.LatentMIM(**SMALL)
    wanted = work(model)
    context = multiprocessing.get_context("fork")
    for _ in range(2):
        ours, theirs = context.Pipe()
        process = context.Process(target=child, args=(model, theirs))
        process.start()
        assert ours.poll(60), "the child hangs"
        features, losses = ours.recv()
        process.join(60)
        assert process.exitcode == 0
        assert np.array_equal(features, wanted[0])
        assert losses == wanted[1]
    assert np.array_equal(work(model)[0], wanted[0])


if __name__ == "__main__":
    fork_and_compare()
