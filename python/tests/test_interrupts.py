"""Ctrl-C, or any signal whose handler raises, ends each long call of the main thread soon."""

import signal
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm

# A second or less where nothing else runs: this is for machines that are busy.
LONGEST = 15


class EnoughError(Exception):
    """What the handler raises."""


@cache
def model() -> lm.LatentMIM:
    """Large enough that each of the calls would take minutes."""
    size = {"width": 384, "depth": 12, "heads": 6, "grid": 14, "patch_size": 16, "patch_gap": 0, "num_visible": 40}
    return lm.LatentMIM(**SMALL | size)


@cache
def data() -> lm.Arrays:
    count = 4000
    colors = np.random.default_rng(0).integers(0, 255, (count, 1, 1, 3))
    return lm.Arrays(np.broadcast_to(colors, (count, 32, 32, 3)).astype(np.uint8), np.arange(count) % 10)


@cache
def rows() -> lm.evaluate.Features:
    values = np.random.default_rng(0).normal(size=(60_000, 384)).astype(np.float32)
    return lm.evaluate.Features(values, np.arange(len(values)) % 10)


def large() -> lm.Arrays:
    """Not touched before it is read, and then zeros."""
    return lm.Arrays(np.zeros((1000, 1000, 1000, 3), np.uint8))


def object_mask() -> np.ndarray:
    mask = np.zeros((480, 854), np.uint8)
    mask[100:200, 100:300] = 1
    return mask


def whole_batch() -> Any:
    count = 256
    return model().loss(data().crops(model().config, range(count)), lm.masking.sample(model().config, batch=count))


CALLS: dict[str, Callable[[], Any]] = {
    "features": lambda: model().encoder.features(np.zeros((1000, 224, 224, 3), np.uint8)),
    "attention": lambda: model().encoder.attention(np.zeros((1000, 224, 224, 3), np.uint8)),
    "pool": lambda: model().encoder.pool(np.zeros((1000, 224, 224, 3), np.uint8)),
    "features of a data set": lambda: lm.evaluate.features(model().encoder, data(), progress=False),
    "embed": lambda: lm.embed(model().encoder, data(), progress=False),
    "segment": lambda: lm.segment(model().encoder, pixels(1, 480, 854)[0], size=1344),
    "track": lambda: lm.track(model().encoder, pixels(20, 480, 854), object_mask(), progress=False),
    "nearest_neighbor": lambda: lm.evaluate.nearest_neighbor(None, rows(), progress=False),
    "knn": lambda: lm.evaluate.knn(None, rows(), rows(), progress=False),
    "linear_probe": lambda: lm.evaluate.linear_probe(None, rows(), rows(), progress=False),
    "few_shot": lambda: lm.evaluate.few_shot(None, rows(), rows(), progress=False),
    "fine_tune": lambda: lm.evaluate.fine_tune(model().encoder, data(), data(), progress=False),
    "suite": lambda: lm.evaluate.suite(model().encoder, data(), data(), progress=False),
    "without_labels": lambda: lm.evaluate.without_labels(model().encoder, data(), progress=False),
    "duplicates": lambda: lm.evaluate.duplicates(model().encoder, data(), progress=False),
    "spread": lambda: lm.spread(model().encoder, data()),
    "resized": lambda: large().resized(600),
    "crops": lambda: large().crops(model().config),
    "channel_statistics": lambda: lm.data.channel_statistics(large(), progress=False),
    "loss": whole_batch,
    "training": lambda: [*lm.Trainer(model(), data(), epochs=5, batch_size=256, progress=False)],
}


@pytest.fixture
def signal_comes() -> Any:
    """In 0.15 s, when the call is under way."""

    def handler(*_: object) -> None:
        raise EnoughError

    earlier = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.15)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, earlier)


@pytest.mark.parametrize("name", CALLS)
def test_interrupted(name: str, request: pytest.FixtureRequest) -> None:
    for made in (model, data, rows):
        made()
    start = time.monotonic()
    request.getfixturevalue("signal_comes")
    with pytest.raises(EnoughError):
        CALLS[name]()
    assert time.monotonic() - start < LONGEST
