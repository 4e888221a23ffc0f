"""Views: which patches of an image are seen, which are predicted, and where in their cells they lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.config import ModelConfig
from latentmim.names import counted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from latentmim._arrays import IntArray

__all__ = ["Views", "sample"]


@dataclass(frozen=True, eq=False)
class Views:
    """Views of B images over a grid of L cells, numbered row by row: arrays to look at, change and pass back.

    Attributes:
        visible: [B, V] int32, the cells the online encoder sees, in the order drawn.
        target: [B, T] int32, the cells whose targets are predicted.
        offsets: [B, L, 2] int32, row and column by which each cell's patch is shifted into its gap, in pixels.
        target_blocks: equal blocks that the targets of an image are made of, each predicted for itself: 4 for
            "multi_block" masks, else 1.
        config: the model they were drawn for, if any; drawings need it.

    Examples:
        >>> lm.masking.sample(model.config, images=[5, 9])
        Views(2 images: 4 patches visible, 12 targets)

    """

    visible: IntArray
    target: IntArray
    offsets: IntArray
    target_blocks: int = 1
    config: ModelConfig | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("visible", "target", "offsets"):
            object.__setattr__(self, name, _arrays.integers(getattr(self, name), f"views.{name}", np.int32))

    def __len__(self) -> int:
        return len(self.visible)

    @property
    def _parts(self) -> tuple[IntArray, IntArray, IntArray, int]:
        return self.visible, self.target, self.offsets, self.target_blocks

    def __repr__(self) -> str:
        visible, target = self.visible.shape[-1], self.target.shape[-1]
        seen = f"{counted(visible, 'patch', 'patches')} visible, {counted(target, 'target')}"
        return f"Views({counted(len(self), 'image')}: {seen})"


def sample(
    config: ModelConfig, batch: int | None = None, *, seed: int = 0, epoch: int = 0, images: ArrayLike | None = None
) -> Views:
    """Draw views, as training with this seed does in this epoch. Those of an image depend on nothing else (the sizes
    of "multi_block" masks do: they are drawn for the batch).

    Args:
        config: of the model.
        batch: how many images: those with index 0 … batch − 1.
        seed: 0 … 2⁶⁴ − 1.
        epoch: zero-based.
        images: indices of the images in their data set, in place of `batch`.

    Raises:
        ValueError: neither or both of `batch` and `images`, a seed out of range.

    Examples:
        >>> views = lm.masking.sample(model.config, batch=3, seed=1)
        >>> views.visible.shape, views.target.shape, views.offsets.shape
        ((3, 4), (3, 12), (3, 16, 2))

    """
    if images is None:
        if batch is None:
            raise ValueError("sample: neither batch nor images is given, wanted one of the two")
        images = np.arange(batch)
    elif batch is not None:
        raise ValueError("sample: batch and images are both given, wanted one of the two")
    indices = _arrays.integers(images, "images")
    count, options = len(indices), config.to_json()
    visible_count, target_count, cells, blocks = _native.views_sizes(options, seed, epoch, indices)
    visible = np.empty((count, visible_count), np.int32)
    target = np.empty((count, target_count), np.int32)
    offsets = np.empty((count, cells, 2), np.int32)
    _native.views_sample(options, seed, epoch, indices, visible, target, offsets)
    return Views(visible, target, offsets, blocks, config)
