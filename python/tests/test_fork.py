"""Forked children, as data loaders and notebooks make them, compute like their parents."""

import multiprocessing

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm


def work(model: lm.LatentMIM) -> tuple[np.ndarray, list[float]]:
    features = model.encoder.features(pixels(4, 32, 40))
    history = list(lm.Trainer(lm.LatentMIM(**SMALL), pixels(16), epochs=2, batch_size=8))
    return features, [line["loss"] for line in history]


def child(model: lm.LatentMIM, pipe: multiprocessing.connection.Connection) -> None:
    pipe.send(work(model))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork_after_the_threads_have_worked(model: lm.LatentMIM) -> None:
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
