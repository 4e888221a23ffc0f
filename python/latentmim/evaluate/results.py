"""What evaluations give: numbers, and everything that must be said with them."""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Report", "Result"]


class Shown(ABC):
    """What is shown as its table in Markdown, in notebooks and by `print`."""

    @abstractmethod
    def markdown(self) -> str:
        """The table in Markdown."""

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def __str__(self) -> str:
        return self.markdown()


class Tabled(Shown):
    """What the core found, with the table that it makes of it."""

    _found: dict[str, Any]

    def markdown(self) -> str:
        """The table in Markdown.

        Examples:
            >>> lm.evaluate.without_labels(encoder, photos, progress=False).markdown().splitlines()[0]
            '| layer | RankMe | effective rank | α | similarity |'

        """
        return str(self._found["markdown"])

    def to_dict(self) -> dict[str, Any]:
        """Everything by name, ready for JSON.

        Examples:
            >>> found = lm.evaluate.without_labels(encoder, photos, progress=False).to_dict()
            >>> found["images"], len(found["layers"])
            (28, 3)

        """
        return {name: value for name, value in self._found.items() if name != "markdown"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """A score: `print` shows it as a row of a table, `float` is its accuracy.

    Attributes:
        protocol: its name, one of `running.PROTOCOLS`: "nn", "knn" ….
        label: the name, and what of the options a reader must know.
        tap: where the features come from: layer, before or after the final norm or the projector, pooling.
        accuracy: top-1, 0 … 1: of `knn` with k = 20 (or the first k), of several runs the mean.
        deviation: sample standard deviation over several runs.
        scores: the accuracies it is made of, by name: one for each k, or for each run.
        history: the accuracies on the way of `fine_tune`, by epoch; else empty.
        train: number of training images; None for `nn`, which has none.
        test: number of images scored; those that a folder skipped are left out.
        classes: number of classes.
        seeds: of its random numbers.
        options: every option with its value.
        images: [test] int64, the indices of the images scored.
        predictions: [test] int64, the label predicted for each (training set's numbers); of the last run.
        neighbors: [test] int64 for `nn`: the index of the nearest other image; else empty.
        losses: [steps] float64, the training loss of every step, run after run; empty where nothing is trained.

    Examples:
        >>> result = lm.evaluate.knn(encoder, photos, held_out, progress=False)
        >>> result.protocol, result.count, result.accuracy == float(result)
        ('knn', 28, True)

    """

    protocol: str
    label: str
    tap: str
    accuracy: float
    deviation: float | None
    scores: dict[str, float]
    history: dict[str, float]
    train: int | None
    test: int
    classes: int
    seeds: tuple[int, ...]
    options: dict[str, Any] = field(repr=False)
    images: NDArray[np.int64] = field(repr=False)
    predictions: NDArray[np.int64] = field(repr=False)
    neighbors: NDArray[np.int64] = field(repr=False)
    losses: NDArray[np.float64] = field(repr=False)
    _row: str = field(repr=False)
    _markdown: str = field(repr=False)

    @classmethod
    def _from_dict(cls, found: dict[str, Any]) -> Result:
        values: dict[str, Any] = {
            item.name: found[item.name] for item in dataclasses.fields(cls) if not item.name.startswith("_")
        }
        for name in ("images", "predictions", "neighbors"):
            values[name] = np.array(values[name], np.int64)
        values |= {
            "losses": np.array(found["losses"], np.float64),
            "scores": dict(found["scores"]),
            "history": dict(found["history"]),
            "seeds": tuple(found["seeds"]),
        }
        return cls(**values, _row=found["row"], _markdown=found["markdown"])

    @property
    def count(self) -> int:
        """How many images were scored."""
        return self.test

    def row(self) -> str:
        """A row of a table in Markdown: protocol, features, images, seed, top-1.

        Examples:
            >>> lm.evaluate.nearest_neighbor(encoder, photos, progress=False).row()
            '| nn | last block, before norm, mean | 28 images | – | ... % |'

        """
        return self._row

    def to_dict(self) -> dict[str, Any]:
        """Everything by name, ready for JSON.

        Examples:
            >>> found = lm.evaluate.nearest_neighbor(encoder, photos, progress=False).to_dict()
            >>> found["protocol"], found["classes"], len(found["predictions"])
            ('nn', 14, 28)

        """
        names = [item.name for item in dataclasses.fields(self) if not item.name.startswith("_")]
        values = {name: getattr(self, name) for name in names}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}

    def _repr_markdown_(self) -> str:
        return self._markdown

    def __str__(self) -> str:
        return self._row

    def __float__(self) -> float:
        return self.accuracy


@dataclass(frozen=True, eq=False)
class Report:
    """Several results: `print` shows a table, `report["knn"]` is the first result of a protocol.

    Attributes:
        results: in the order of the table.
        left_out: protocols that did not apply, and why.

    Examples:
        >>> report = lm.evaluate.suite(model, photos, held_out, progress=False)
        >>> [result.protocol for result in report.results]
        ['nn', 'knn', 'knn_uniform', 'linear']

    """

    results: tuple[Result, ...]
    left_out: dict[str, str]
    _markdown: str = field(repr=False)

    @classmethod
    def _from_json(cls, text: str) -> Report:
        found = json.loads(text)
        results = tuple(Result._from_dict(result) for result in found["results"])
        return cls(results, dict(found["left_out"]), found["markdown"])

    def markdown(self) -> str:
        """The table in Markdown, and a line for each protocol left out.

        Examples:
            >>> print(lm.evaluate.suite(encoder, None, photos, progress=False).markdown())
            | protocol | features | images | seed | top-1 |
            |---|---|---|---|---|
            | nn | last block, before norm, mean | 28 images | – | ... % |
            <BLANKLINE>
            - knn left out: there is no training set, and it learns from one
            ...

        """
        return self._markdown

    def to_dict(self) -> dict[str, Any]:
        """Everything by name, ready for JSON.

        Examples:
            >>> lm.evaluate.suite(encoder, None, photos, progress=False).to_dict().keys()
            dict_keys(['results', 'left_out'])

        """
        return {"results": [result.to_dict() for result in self.results], "left_out": dict(self.left_out)}

    def _repr_markdown_(self) -> str:
        return self._markdown

    def __str__(self) -> str:
        return self._markdown

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, protocol: str) -> Result:
        for result in self.results:
            if result.protocol == protocol:
                return result
        reason = self.left_out.get(protocol)
        raise KeyError(f"{protocol}: left out, {reason}" if reason else protocol)
