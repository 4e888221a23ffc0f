"""Every kind of call that computes, on small things, for tests of processes and threads: the same numbers anywhere."""

import hashlib
import io
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from conftest import SMALL, pixels
from PIL import Image

import latentmim as lm

LABELS = np.arange(40) % 4


class Given:
    """A model of one's own and what is computed on, the same in every process."""

    def __init__(self, seed: int = 3) -> None:
        self.model = lm.LatentMIM(**SMALL, seed=seed)
        self.encoder = self.model.encoder
        self.images = pixels(40, 32, 40, seed=seed)
        self.train = lm.Arrays(self.images, LABELS)
        self.test = lm.Arrays(pixels(12, 32, 40, seed=seed + 1), LABELS[:12])


def _training(given: Given) -> Any:
    """On a model of its own: others go on with this one."""
    model = lm.LatentMIM(**SMALL, seed=5)
    trainer = lm.Trainer(model, given.train, epochs=1, batch_size=10, workers=2, progress=False)
    return [line["loss"] for line in trainer], list(model.parameters().values())


def _steps_by_hand(given: Given) -> Any:
    model = lm.LatentMIM(**SMALL, seed=6)
    views = lm.masking.sample(model.config, batch=4)
    optimizer = lm.AdamW(model)
    loss = model.loss(given.train.crops(model.config, range(4)), views)
    gradients = model.gradients()
    optimizer.step(1e-3)
    return loss, gradients, model.parameters()


@cache
def files() -> dict[str, bytes]:
    """A picture in each format that is written here."""
    picture, found = Image.fromarray(pixels(1, 60, 70)[0]), {}
    for name in ("jpeg", "png", "tiff", "webp", "bmp"):
        picture.save(kept := io.BytesIO(), name)
        found[name] = kept.getvalue()
    return found


def _reading(given: Given) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files().items():
            for copy in "ab":
                (Path(folder) / f"{copy}.{name}").write_bytes(content)
        read = lm.ImageFolder(folder)
        return [*read], read.resized(24), read.crops(given.model.config)


def _fine_tuning(given: Given) -> Any:
    found = lm.evaluate.fine_tune(given.encoder, given.train, given.test, epochs=1, batch_size=20, progress=False)
    return found.accuracy, found.encoder.features(given.images[:2])


def _segmentation(given: Given) -> Any:
    found = lm.segment(given.encoder, given.images[0], 3)
    truth = [np.asarray(found)]
    return truth, float(lm.evaluate.segmentation(truth, truth, progress=False))


def _tracking(given: Given) -> Any:
    mask = np.zeros((32, 40), np.uint8)
    mask[8:20, 8:24] = 1
    tracked = [*lm.track_each(given.encoder, given.images[:4], mask, side=32)]
    return tracked, lm.evaluate.region_similarity(tracked[-1], mask), lm.evaluate.boundary_accuracy(tracked[-1], mask)


def _scores(function: str, **options: Any) -> Callable[[Given], Any]:
    def call(given: Given) -> Any:
        return getattr(lm.evaluate, function)(
            given.encoder, given.train, given.test, progress=False, **options
        ).to_dict()

    return call


CALLS: dict[str, Callable[[Given], Any]] = {
    "features": lambda given: given.encoder.features(given.images, layer=[0, 1, 2]),
    "features of a data set": lambda given: lm.evaluate.features(given.encoder, given.train, progress=False),
    "embed": lambda given: lm.embed(given.encoder, given.train, progress=False).vectors,
    "transformer": lambda given: lm.Features(given.encoder).fit_transform(given.images),
    "nearest_neighbor": lambda given: lm.evaluate.nearest_neighbor(
        given.encoder, given.train, progress=False
    ).to_dict(),
    "pixels_nearest_neighbor": lambda given: lm.evaluate.pixels_nearest_neighbor(given.test, progress=False),
    "knn": _scores("knn", k=3),
    "knn_uniform": _scores("knn_uniform", k=3),
    "linear_probe": _scores("linear_probe", epochs=2),
    "few_shot": _scores("few_shot", shots=2, seeds=[0, 1], iterations=10),
    "fine_tune": _fine_tuning,
    "suite": _scores("suite"),
    "compare_poolings": _scores("compare_poolings", protocol="knn"),
    "without_labels": lambda given: lm.evaluate.without_labels(given.encoder, given.test, progress=False),
    "duplicates": lambda given: lm.evaluate.duplicates(given.encoder, given.test, progress=False),
    "segmentation": _segmentation,
    "tracking": _tracking,
    "reading": _reading,
    "spread": lambda given: str(lm.spread(given.encoder, given.test)),
    "training": _training,
    "steps by hand": _steps_by_hand,
    "resize": lambda given: lm.resize(given.images, 20),
}


def digest(value: Any) -> str:
    """Of all numbers and texts in it, bit by bit."""
    found = hashlib.sha256()

    def add(value: Any) -> None:
        if hasattr(value, "to_dict"):
            add(value.to_dict())
        elif isinstance(value, dict):
            add(sorted(value.items()))
        elif isinstance(value, list | tuple):
            for part in value:
                add(part)
        elif isinstance(value, np.ndarray):
            found.update(f"{value.dtype}{value.shape}".encode())
            found.update(np.ascontiguousarray(value).tobytes())
        else:
            found.update(repr(value).encode())

    add(value)
    return found.hexdigest()[:16]


def compute(names: list[str] | None = None, seed: int = 3) -> dict[str, str]:
    """What each call gives."""
    given = Given(seed)
    return {name: digest(CALLS[name](given)) for name in names or CALLS}
