"""What several tests need: a small model, images, a folder of JPEG files."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import latentmim as lm
from latentmim import budgets, pretraining

SMALL: dict[str, Any] = {
    "grid": (4, 5),
    "patch_size": 8,
    "patch_gap": 2,
    "num_visible": 5,
    "width": 48,
    "depth": 2,
    "heads": 3,
    "decoder_width": 32,
    "decoder_depth": 2,
    "decoder_heads": 4,
    "projector_width": 64,
}


def pixels(count: int, height: int = 48, width: int = 56, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Random uint8 images with some structure: coloured gradients and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    slopes = rng.uniform(-1, 1, (2, count, 1, 1, channels))
    images = 0.5 + 0.4 * (slopes[0] * y[..., None] + slopes[1] * x[..., None])
    images += rng.normal(0, 0.05, (count, height, width, channels))
    return (255 * images.clip(0, 1)).astype(np.uint8)


@pytest.fixture(autouse=True, scope="session")
def interrupts_are_heard() -> None:
    """Also where the tests run in the background, with SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_let_go() -> Iterator[None]:
    """JAX keeps all it compiled, and a process may map only so many pieces of memory."""
    yield
    if jax := sys.modules.get("jax"):
        jax.clear_caches()


@pytest.fixture
def options() -> dict[str, Any]:
    """Options of a small model."""
    return dict(SMALL)


@pytest.fixture
def model() -> lm.LatentMIM:
    """A small model with fresh weights."""
    return lm.LatentMIM(**SMALL, seed=1)


@pytest.fixture
def images() -> np.ndarray:
    """[40, 48, 56, 3] uint8."""
    return pixels(40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve JPEG files in folders `cats` and `dogs`, 40×52 pixels."""
    for index, image in enumerate(pixels(12, 40, 52, seed=2)):
        place = tmp_path / "photos" / ("cats" if index % 2 else "dogs")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{index:02}.jpg", quality=92)
    return tmp_path / "photos"


class Clock:
    """Time that passes only while something is done: `cost` says how long the next step takes."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.cost: Callable[[lm.Trainer], float] = lambda _: 1.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made, step = Clock(), lm.Trainer.step

    def timed(trainer: lm.Trainer) -> Any:
        made.time += made.cost(trainer)
        return step(trainer)

    monkeypatch.setattr(budgets, "now", made)
    monkeypatch.setattr(lm.Trainer, "step", timed)
    monkeypatch.setattr(pretraining, "_draw", lambda _: None)
    return made
