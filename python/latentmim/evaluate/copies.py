"""Images that are there twice, exactly or nearly, and images that are like no others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.data import as_dataset
from latentmim.distributed import Ranks
from latentmim.encoder import require_encoder
from latentmim.evaluate.features import Features, features
from latentmim.evaluate.results import Shown
from latentmim.evaluate.running import Bar
from latentmim.names import counted
from latentmim.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray
    from latentmim.data import Dataset
    from latentmim.encoder import Encoder
    from latentmim.evaluate.features import FeatureOptions
    from latentmim.evaluate.running import Images

__all__ = ["Duplicates", "duplicates"]

# Rows of the table that `print` shows.
SHOWN = 20


@dataclass(frozen=True, eq=False, kw_only=True)
class Duplicates(Shown):
    """What is there twice, and what is like nothing else: `print` shows the groups as a table.

    Attributes:
        groups: for each group of near images the indices of its images, ascending; exact copies are among them.
        exact: for each set of images with the same pixels their indices, ascending.
        outliers: [n] int64, the images that are least like others, the strangest first.
        neighbors: [N] int64, the image nearest to each; of equally near ones the lowest. −1 for those not read.
        similarities: [N] float64, the cosine to it; NaN for those not read.
        typicality: [N] float64, the mean cosine to the `k` nearest; NaN for those not read.
        paths: the files, in the order of their indices; empty for images in memory.
        threshold: cosine from which images are near.
        k: neighbours of `typicality`.

    Examples:
        >>> twice = np.concatenate([photos[:4].resized(64), photos[:1].resized(64)])
        >>> lm.evaluate.duplicates(encoder, lm.Arrays(twice), progress=False).kept
        array([0, 1, 2, 3])

    """

    groups: tuple[NDArray[np.int64], ...] = field(repr=False)
    exact: tuple[NDArray[np.int64], ...] = field(repr=False)
    outliers: NDArray[np.int64] = field(repr=False)
    neighbors: NDArray[np.int64] = field(repr=False)
    similarities: NDArray[np.float64] = field(repr=False)
    typicality: NDArray[np.float64] = field(repr=False)
    paths: tuple[str, ...] = field(repr=False)
    threshold: float
    k: int

    @property
    def kept(self) -> NDArray[np.int64]:
        """Indices without all but the lowest of each group: `dataset.subset(found.kept)` has no near image twice."""
        dropped = [group[1:] for group in self.groups]
        return np.setdiff1d(np.arange(len(self.neighbors)), np.concatenate([*dropped, np.empty(0, np.int64)]))

    def table(self) -> list[dict[str, Any]]:
        """A row for each image of a group: number of the "group", "kind" ("exact" where another has the same pixels,
        else "near"), "image", "path" (None in memory), "neighbor" and "similarity" to it.

        Examples:
            >>> twice = np.concatenate([photos[:4].resized(64), photos[:1].resized(64)])
            >>> found = lm.evaluate.duplicates(encoder, lm.Arrays(twice), progress=False)
            >>> [(row["image"], row["kind"], row["neighbor"]) for row in found.table()]
            [(0, 'exact', 4), (4, 'exact', 0)]

        """
        same = {int(index) for copies in self.exact for index in copies}
        return [
            {
                "group": number,
                "kind": "exact" if index in same else "near",
                "image": index,
                "path": self.paths[index] if self.paths else None,
                "neighbor": int(self.neighbors[index]),
                "similarity": float(self.similarities[index]),
            }
            for number, group in enumerate(self.groups)
            for index in group.tolist()
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything by name, ready for JSON; what is not a number is None.

        Examples:
            >>> twice = np.concatenate([photos[:4].resized(64), photos[:1].resized(64)])
            >>> found = lm.evaluate.duplicates(encoder, lm.Arrays(twice), progress=False)
            >>> found.to_dict()["exact"]
            [[0, 4]]

        """
        return {
            "threshold": self.threshold, "k": self.k, "groups": [group.tolist() for group in self.groups],
            "exact": [copies.tolist() for copies in self.exact], "outliers": self.outliers.tolist(),
            "neighbors": self.neighbors.tolist(), "similarities": _numbers(self.similarities),
            "typicality": _numbers(self.typicality), "paths": list(self.paths), "table": self.table(),
        }  # fmt: skip

    def markdown(self) -> str:
        """The groups and outliers in Markdown, the first of them where there are many.

        Examples:
            >>> twice = np.concatenate([photos[:4].resized(64), photos[:1].resized(64)])
            >>> found = lm.evaluate.duplicates(encoder, lm.Arrays(twice), progress=False)
            >>> print(found.markdown().splitlines()[0])
            2 of 5 images in 1 group at a cosine of 0.99 or more, 2 of them exact copies; ... outlier...

        """
        in_groups, of_exact = sum(map(len, self.groups)), sum(map(len, self.exact))
        lines = [
            f"{in_groups} of {counted(len(self.neighbors), 'image')} in {counted(len(self.groups), 'group')} at a "
            f"cosine of {self.threshold:g} or more, {of_exact} of them exact copies; "
            f"{counted(len(self.outliers), 'outlier')}",
            "",
            "| group | kind | image | cosine | nearest |",
            "|---|---|---|---|---|",
        ]
        table = self.table()
        lines += [
            f"| {row['group']} | {row['kind']} | {self._name(row['image'])} | {row['similarity']:.4f} "
            f"| {self._name(row['neighbor'])} |"
            for row in table[:SHOWN]
        ]
        strange = [
            f"| – | outlier | {self._name(index)} | {self.similarities[index]:.4f} "
            f"| {self._name(self.neighbors[index])} |"
            for index in self.outliers[:SHOWN]
        ]
        left = len(table) - SHOWN, len(self.outliers) - SHOWN
        more = [f"and {count} more {what}" for count, what in zip(left, ("rows", "outliers"), strict=True) if count > 0]
        return "\n".join([*lines, *strange, *([""] if more else []), *more])

    def _name(self, index: int) -> str:
        return _arrays.shown(self.paths[index]) if self.paths else f"image {index}"


def duplicates(
    encoder: Encoder | None,
    data: Images | Features,
    *,
    threshold: float = 0.99,
    k: int = 10,
    progress: bool = True,
    comm: Any = None,
    **options: Unpack[FeatureOptions],
) -> Duplicates:
    """Groups of images whose features are near each other, exact copies among them, and outliers.

    Two images are near at a cosine of `threshold` or more, and a group holds all that are near to one of it: its ends
    may be further apart. Memory grows with the number of images, never with its square; time does with that.

    Outliers are images whose mean cosine to their `k` nearest lies below the lower fence of Tukey's rule: the first
    quartile of all images less 1.5 times the distance of the quartiles.

    Args:
        encoder: whose features; None for `Features`.
        data: a folder, a data set, or an array of images; labels play no part.
        threshold: a cosine, −1 … 1. Which one suits depends on the encoder: `docs/duplicates.md` has some measured.
        k: neighbours whose mean cosine tells how strange an image is; all others where there are fewer.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks encode the images together, all by the same call: docs/scaling.md.
        options: how images become vectors, as in `features`.

    Raises:
        ValueError: a threshold that is no cosine, k below 1, fewer than two images that can be read.

    Examples:
        >>> twice = np.concatenate([photos[:4].resized(64), photos[:1].resized(64)])
        >>> lm.evaluate.duplicates(encoder, lm.Arrays(twice), progress=False).exact
        (array([0, 4]),)

    """
    ranks = Ranks(comm)
    progress = progress and ranks.is_root
    with ranks.agreeing():
        if _arrays.whole(k, "k") < 1:
            raise ValueError(f"k: is {k}, wanted at least 1")
        if isinstance(data, Features):
            if encoder is not None or options:
                raise TypeError("Features are there already: no encoder and no feature options go with them")
            return _found(_arrays.floats(data.vectors, "vectors"), None, threshold, k, progress)
        require_encoder(encoder)
        assert encoder is not None
        source = as_dataset(data, encoder.config.channels)
    with ranks.encoding(encoder, source) as encoder:
        vectors = features(encoder, source, progress=progress, **options)
        return _found(vectors, source, threshold, k, progress)


def _found(vectors: FloatArray, source: Dataset | None, threshold: float, k: int, progress: bool) -> Duplicates:
    """What vectors of images say; those of images that could not be read are NaN."""
    paths = [] if source is None else source.paths
    read = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    if len(read) < 2:
        raise ValueError(f"duplicates: of {len(vectors)} images {len(read)} could be read, wanted at least two")
    rows = vectors if len(read) == len(vectors) else vectors[read]
    near = tuple(read[group] for group in _groups(rows, threshold, progress))
    count = min(int(k), len(read) - 1)
    nearest, cosines = np.empty((len(read), count), np.int64), np.empty((len(read), count))
    _native.nearest_rows(None, rows, nearest, cosines)

    def of_all(values: NDArray[Any], missing: float) -> NDArray[Any]:
        spread = np.full(len(vectors), missing, values.dtype)
        spread[read] = values
        return spread

    typicality = cosines.mean(axis=1)
    return Duplicates(
        groups=near, exact=_exact(near, vectors, source, progress), outliers=read[_strange(typicality)],
        neighbors=of_all(read[nearest[:, 0]], -1), similarities=of_all(cosines[:, 0], np.nan),
        typicality=of_all(typicality, np.nan), paths=tuple(paths), threshold=float(threshold), k=count,
    )  # fmt: skip


def _groups(rows: FloatArray, threshold: float, progress: bool) -> list[NDArray[np.int64]]:
    """Rows that are near others, group by group, ascending."""
    lowest = np.empty(len(rows), np.int64)
    with Bar(progress) as told:
        _native.near_groups(rows, threshold, told, lowest)
    order = np.argsort(lowest, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(lowest[order])) + 1)
    return [part for part in parts if len(part) > 1]


def _exact(
    groups: Iterable[NDArray[np.int64]], vectors: FloatArray, source: Dataset | None, progress: bool
) -> tuple[NDArray[np.int64], ...]:
    """The images of groups that have the same pixels, or, of features that are given, the same features."""
    groups = list(groups)
    found: list[list[int]] = []
    with bar(sum(map(len, groups)), "comparing pixels", "image", is_shown=progress and source is not None) as shown:
        for group in groups:
            by_content: dict[bytes, list[int]] = {}
            for index in group.tolist():
                values = vectors[index] if source is None else source[index]
                key = hashlib.blake2b(f"{values.shape}".encode() + values.tobytes()).digest()
                by_content.setdefault(key, []).append(index)
                shown.update()
            found += [copies for copies in by_content.values() if len(copies) > 1]
    return tuple(np.array(copies, np.int64) for copies in sorted(found))


def _strange(typicality: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rows below Tukey's lower fence, the lowest first."""
    low, high = np.quantile(typicality, (0.25, 0.75))
    order = np.argsort(typicality, kind="stable")
    return order[: int((typicality < low - 1.5 * (high - low)).sum())]


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]
