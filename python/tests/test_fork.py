"""Forked children, as data loaders and notebooks make them, compute like their parents."""

import multiprocessing
import sys
import threading
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels
from programs import end_of, run, start_child

import latentmim as lm


def work(model: lm.LatentMIM) -> tuple[np.ndarray, list[float]]:
    features = model.encoder.features(pixels(4, 32, 40))
    history = list(lm.Trainer(lm.LatentMIM(**SMALL), pixels(16), epochs=2, batch_size=8))
    return features, [line["loss"] for line in history]


def child(model: lm.LatentMIM, pipe: Any) -> None:
    pipe.send(work(model))


@pytest.mark.parametrize("what", ["compare", "first", "while", "same", "many"])
def test_fork(what: str) -> None:
    """In a process of its own: JAX, which other tests load, does not survive a fork."""
    run(__file__, what, seconds=120)


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


def fork_before_any_work() -> None:
    """What threads initialise at their first work, they initialise in the child."""
    model, images = lm.LatentMIM(**SMALL), pixels(8, 32, 40)
    for _ in range(20):
        end_of(start_child(lambda: model.encoder.features(images)))


def fork_while_a_thread_works() -> None:
    """Locks that another thread holds at the moment of the fork are free in the child; Python's own need not be."""
    model, images = lm.LatentMIM(**SMALL), pixels(8, 32, 40)
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            model.encoder.features(images)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        for _ in range(20):
            end_of(start_child(lambda: lm.resize(images, 20)))
    finally:
        stop.set()
        thread.join()


def fork_while_a_thread_uses_the_same_model() -> None:
    """The child computes, or is told that the model was in use; it does not wait for a thread of its parent."""
    model, images = lm.LatentMIM(**SMALL), pixels(8, 32, 40)
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            model.encoder.features(images)

    def use() -> None:
        try:
            model.encoder.features(images)
        except RuntimeError as error:
            assert "forked" in str(error)
        lm.LatentMIM(**SMALL).encoder.features(images)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        for _ in range(20):
            end_of(start_child(use))
    finally:
        stop.set()
        thread.join()


def fork_often_before_many_threads_work() -> None:
    """Threads that meet at what Swift's runtime makes at its first use: one child in some hundred waited for ever."""
    lm.set_thread_count(8)
    rows = np.random.default_rng(0).normal(size=(300, 48)).astype(np.float32)
    train, test = (lm.evaluate.Features(part, np.arange(300) % 5) for part in (rows[::-1].copy(), rows))
    for _ in range(400):
        end_of(start_child(lambda: lm.evaluate.knn(None, train, test, k=5, progress=False)))


if __name__ == "__main__":
    {
        "compare": fork_and_compare,
        "first": fork_before_any_work,
        "while": fork_while_a_thread_works,
        "same": fork_while_a_thread_uses_the_same_model,
        "many": fork_often_before_many_threads_work,
    }[sys.argv[1]]()
