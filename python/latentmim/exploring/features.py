"""Features of the patches of some images, layer by layer, computed when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.data import resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray
    from latentmim.config import Precision
    from latentmim.encoder import Encoder

__all__ = ["Features"]

# Clustering takes time that grows with their square; a layer of DINOv2's small model is 9 MB of them.
ALL_PATCHES, LONGEST = 6000, 48


class Features:
    """L2-normalised features of all patches of all images, one row each; those of layers used last are kept."""

    def __init__(
        self,
        encoder: Encoder,
        images: list[NDArray[Any]],
        size: Literal["nearest"] | int | tuple[int, int] | None = None,
        *,
        norm: bool = True,
        precision: Precision = "float32",
        cache: int = 512,
    ) -> None:
        """Features of images [H, W, C]; see `latentmim.explore` for the arguments."""
        self.images = images
        self.depth = encoder.config.depth
        self._encoder, self._norm, self._precision = encoder, norm, precision
        self._room = _arrays.whole(cache, "cache") * 10**6
        if self._room < 0:
            raise ValueError(f"cache: is {cache}, wanted a number of megabytes, at least 0")
        self._resized = [self._at_size(image, size) for image in images]
        self.grids: list[tuple[int, int]] = [encoder.grid(image) for image in self._resized]
        """Rows and columns of the patches of each image."""
        self.starts = [0, *np.cumsum([rows * columns for rows, columns in self.grids]).tolist()]
        """The row at which each image begins; the last is their number."""
        self._kept: OrderedDict[int, FloatArray] = OrderedDict()

    @property
    def count(self) -> int:
        """Patches of all images."""
        return int(self.starts[-1])

    def of_layer(self, layer: int) -> FloatArray:
        """[N, C], the patches of each image row by row, one image after the other, behind block `layer`, 0 … depth.

        Who asks for a second layer will ask for more: then all are computed in one pass, where there is room for them.
        """
        if layer not in self._kept:
            missing = [number for number in range(self.depth + 1) if number not in self._kept]
            size = 4 * self.count * self._encoder.config.width
            has_room = self._kept and (self.depth + 1) * size <= self._room
            self._kept |= self._computed(missing if has_room else [layer])
            while len(self._kept) > 1 and len(self._kept) * size > self._room:
                self._kept.popitem(last=False)
        self._kept.move_to_end(layer)
        return self._kept[layer]

    def row(self, image: int, row: int, column: int) -> int:
        """Where the features of a patch stand."""
        return int(self.starts[image]) + row * self.grids[image][1] + column

    def as_maps(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """What there is one of for each patch, as [rows, columns, …] of each image."""
        parts = np.split(values, self.starts[1:-1])
        return [part.reshape(*grid, *values.shape[1:]) for part, grid in zip(parts, self.grids, strict=True)]

    def _computed(self, layers: list[int]) -> dict[int, FloatArray]:
        found = {layer: np.empty((self.count, self._encoder.config.width), np.float32) for layer in layers}
        for image, start, end in zip(self._resized, self.starts, self.starts[1:], strict=False):
            tokens = self._encoder.features(image, layer=layers, norm=self._norm, precision=self._precision)
            for layer, of_layer in zip(layers, tokens, strict=True):
                found[layer][start:end] = of_layer
        for rows in found.values():
            _native.normalize_rows(rows)
        return found

    def _at_size(self, image: NDArray[Any], size: Literal["nearest"] | int | tuple[int, int] | None) -> NDArray[Any]:
        """An image at what it is computed at, sides that the patch size divides."""
        height, width = image.shape[:2]
        if size is None:
            side = self._encoder.config.patch_size
            longest = side * min(LONGEST, int((ALL_PATCHES / len(self.images)) ** 0.5))
            scale = min(1, longest / max(height, width))
            size = self._encoder.nearest_size(round(height * scale), round(width * scale))
            return image if size == (height, width) else resize(image, size)
        resized: NDArray[Any] = self._encoder._resized(image[np.newaxis], size)[0]
        return resized
