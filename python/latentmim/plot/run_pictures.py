"""The pictures of a whole run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from latentmim._warnings import warn
from latentmim.data import resize
from latentmim.masking import sample
from latentmim.plot.canvas import picture
from latentmim.plot.curves import history
from latentmim.plot.neighbor_rows import neighbors
from latentmim.plot.segment_maps import segments
from latentmim.plot.view_panels import views
from latentmim.segmentation import segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from latentmim._arrays import FloatArray
    from latentmim.config import ModelConfig
    from latentmim.data import Dataset
    from latentmim.plot.canvas import Panels
    from latentmim.training import Trainer

__all__ = ["run"]

# Above so many images, features for the neighbours would take longer than somebody waits for a picture.
MOST_NEIGHBORS = 5000


def run(trainer: Trainer, images: Dataset | None = None, segment_count: int = 5) -> list[str]:
    """The pictures of a run, written to its folder: history, views, segments of a few images, and neighbours of some.
    A picture that cannot be drawn costs a warning, not the others.

    Args:
        trainer: with an `out` folder.
        images: what segments and neighbours are drawn of; the training images if not given.
        segment_count: segments of each image.

    Returns:
        The paths. Neighbours are left out where there are more than 5,000 images: call `neighbors` for them.

    Raises:
        ImportError: there is no matplotlib.
        OSError: the folder cannot be made.
        ValueError: the trainer has no folder.

    Examples:
        >>> images = photos[:8].resized(96)
        >>> trainer = lm.Trainer(model, images, epochs=1, batch_size=8, out="runs/drawn", progress=False)
        >>> _ = trainer.fit()
        >>> lm.plot.run(trainer)[0]
        'runs/drawn/pictures/history.png'

    """
    if trainer._run is None:
        raise ValueError("run: this trainer has no `out` folder")
    picture()
    os.makedirs(trainer._run.pictures, exist_ok=True)
    paths = []
    for name, draw in _drawings(trainer, trainer.dataset if images is None else images, segment_count).items():
        path = os.path.join(trainer._run.pictures, f"{name}.png")
        try:
            draw().figure.savefig(path, dpi=120)
        except Exception as error:
            warn(f"{path}: not drawn: {type(error).__name__}: {error}", RuntimeWarning)
        else:
            paths.append(path)
    return paths


def _drawings(trainer: Trainer, shown: Dataset, segment_count: int) -> dict[str, Callable[[], Panels]]:
    """What is drawn, by name."""
    encoder, config = trainer.model.encoder, trainer.model.config

    def draw_views() -> Panels:
        crops = trainer.dataset.crops(config, [0], training=trainer.config)
        return views(crops[0], sample(config, images=[0], seed=trainer.config.seed))

    def draw_segments(index: int) -> Panels:
        image = _enlarged(shown[index], config)
        return segments(image, segment(encoder, image, segment_count))

    def draw_neighbors() -> Panels:
        return neighbors(encoder, shown, size=config.image_size, short_side=0, progress=trainer.progress)

    drawn: dict[str, Callable[[], Panels]] = {"history": lambda: history(trainer)} if trainer.history else {}
    drawn["views"] = draw_views
    for number, index in enumerate(range(0, len(shown), max(1, -(-len(shown) // 3))), 1):
        drawn[f"segments-{number}"] = lambda index=index: draw_segments(index)  # type: ignore[misc]
    if 2 <= len(shown) <= MOST_NEIGHBORS:
        drawn["neighbors"] = draw_neighbors
    return drawn


def _enlarged(image: FloatArray, config: ModelConfig) -> FloatArray:
    """An image with its short side at twice the trained size, for more and smaller patches."""
    scale = 2 * min(config.image_size) / min(image.shape[:2])
    return resize(image, [round(scale * side) for side in image.shape[:2]])
