"""Rows of numbers in a file, and which images they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray

__all__ = ["Known", "Table"]


class Known(NamedTuple):
    """What is known of images: paths (empty for those in memory), labels by number, names of classes by number.

    Examples:
        >>> from latentmim.embedding.table import Known
        >>> Known(["a.jpg"], np.array([0]), ["cat"]).classes
        ['cat']

    """

    paths: list[str]
    labels: NDArray[np.int64] | None
    classes: list[str]

    @property
    def label_values(self) -> list[str] | list[int] | None:
        """What tables show of labels: names of classes where there are any."""
        if self.labels is None:
            return None
        return [self.classes[label] for label in self.labels] if self.classes else self.labels.tolist()

    def some(self, part: slice) -> Known:
        """The same of some of the images."""
        return Known(self.paths[part], None if self.labels is None else self.labels[part], self.classes)


class Table(NamedTuple):
    """What a file holds: "vectors" or "tokens", and of which images.

    Examples:
        >>> _ = lm.embed(encoder, photos[:3], "three.npz", progress=False)
        >>> from latentmim.embedding.formats import npz
        >>> npz.read("three.npz").kind
        'vectors'

    """

    kind: str
    values: FloatArray
    known: Known
