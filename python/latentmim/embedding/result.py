"""What embedding gives: rows of numbers, and which images they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from latentmim import _arrays
from latentmim.embedding import formats, parts

if TYPE_CHECKING:
    from typing import Self

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.embedding.table import Known

__all__ = ["Embedding"]


class Embedding:
    """Features of images, in their order. An image that a data set skips because it cannot be read has a row of NaN.

    What `embed` has written is read from there when it is asked for.

    Attributes:
        paths: of the files; empty for images in memory.
        labels: [N] int64, one class number an image; None without labels.
        classes: the names of the classes, by number; empty without names.
        shape: of the vectors or tokens.
        file: where it lies; None for one in memory.

    Examples:
        >>> found = lm.embed(encoder, photos[:4], progress=False)
        >>> found, found.vectors.shape
        (Embedding(vectors 4 × 48), (4, 48))
        >>> lm.embed(encoder, photos[:4], pooling="tokens", progress=False).tokens.shape
        (4, 17, 48)

    """

    def __init__(
        self, kind: str, known: Known, shape: tuple[int, ...], values: FloatArray | None = None, file: str | None = None
    ) -> None:
        self.paths, self.labels, self.classes = known
        self.shape, self.file = shape, file
        self._kind, self._values = kind, values

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read what `embed` has written, or the folder of parts that lies there while it is not finished.

        Of an .npy file there are neither paths nor labels. Names of classes that no image has are not in a CSV table.

        Raises:
            OSError: it cannot be read.
            ValueError: it is nothing that `embed` writes.
            ImportError: it is a Parquet file, and pyarrow is missing.

        Examples:
            >>> _ = lm.embed(encoder, photos[:4], "four.npz", progress=False)
            >>> lm.Embedding.load("four.npz").vectors.shape
            (4, 48)

        """
        place = _arrays.path(path)
        kind, values, known = parts.read(place) if os.path.isdir(place) else formats.of(place).read(place)
        return cls(kind, known, values.shape, values, place)

    @property
    def vectors(self) -> FloatArray | None:
        """[N, C] float32; None where there are tokens."""
        return self._read() if self._kind == "vectors" else None

    @property
    def tokens(self) -> FloatArray | None:
        """[N, T, C] float32, [N, layers, T, C] for a list of layers; None where each image has one vector."""
        return self._read() if self._kind == "tokens" else None

    def _read(self) -> FloatArray:
        if self._values is None:
            assert self.file is not None
            self._values = type(self).load(self.file)._read()
        return self._values

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.shape))
        return f"Embedding({self._kind} {shape}{f', {self.file!r}' if self.file else ''})"
