"""What features say of an encoder without labels: how many directions they spread over, and how alike images are."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.config import to_json
from latentmim.data import as_dataset
from latentmim.distributed import Ranks
from latentmim.encoder import Encoder, require_encoder
from latentmim.evaluate.features import FeatureOptions, Features, feature_options
from latentmim.evaluate.results import Tabled
from latentmim.evaluate.running import Bar
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from latentmim.evaluate.running import Images

__all__ = ["LayerRanks", "WithoutLabels", "without_labels"]


@dataclass(frozen=True, kw_only=True)
class LayerRanks:
    """How vectors of images lie behind a layer.

    Attributes:
        layer: 0 (the embedded patches) … depth; None for vectors from elsewhere.
        rankme: RankMe, of vectors as they are (not centred): at most images, and numbers in a vector.
        effective_rank: the same of centred vectors, at most images − 1.
        alpha: α-ReQ, how fast the eigenvalues of their covariance fall off; 1 is said to be best. NaN where fewer than
            21 are above zero.
        similarity: mean cosine between different images; 1 is collapse.
        is_collapsed: whether images look alike (a similarity above 0.98), or all lie on a line: ranks say nothing then.

    Examples:
        >>> last = lm.evaluate.without_labels(encoder, photos, progress=False).layers[-1]
        >>> last.layer, last.effective_rank > 1
        (2, True)

    """

    layer: int | None
    rankme: float
    effective_rank: float
    alpha: float
    similarity: float
    is_collapsed: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class WithoutLabels(Tabled):
    """What features say of an encoder without labels: `print` shows a table of layers, and what ranks and similarity
    say together. `rankme`, `effective_rank`, `alpha`, `similarity` and `is_collapsed` are those of the last layer.

    Attributes:
        layers: one for each layer, in order.
        lidar: LiDAR behind the last of them; None where there are no views.
        verdict: what ranks and similarity say together, in words.
        tap: where the features of the last layer come from.
        images: how many were looked at.
        width: numbers in a vector.
        options: every option with its value.

    Examples:
        >>> found = lm.evaluate.without_labels(encoder, photos, progress=False)
        >>> found.rankme > 1, found.effective_rank > 1, found.similarity < 1, found.alpha > 0, found.is_collapsed
        (True, True, True, True, False)

    """

    layers: tuple[LayerRanks, ...]
    lidar: float | None
    verdict: str
    tap: str
    images: int
    width: int
    options: dict[str, Any] = field(repr=False)
    _found: dict[str, Any] = field(repr=False)

    @classmethod
    def _from_json(cls, text: str) -> WithoutLabels:
        found = json.loads(text)
        layers = tuple(
            LayerRanks(**{name: _number(name, value) for name, value in layer.items()}) for layer in found["layers"]
        )
        names = ("lidar", "verdict", "tap", "images", "width", "options")
        return cls(layers=layers, **{name: found[name] for name in names}, _found=found)

    @property
    def rankme(self) -> float:
        """RankMe behind the last layer."""
        return self.layers[-1].rankme

    @property
    def effective_rank(self) -> float:
        """Effective rank behind the last layer."""
        return self.layers[-1].effective_rank

    @property
    def alpha(self) -> float:
        """α-ReQ behind the last layer."""
        return self.layers[-1].alpha

    @property
    def similarity(self) -> float:
        """Mean cosine between images behind the last layer."""
        return self.layers[-1].similarity

    @property
    def is_collapsed(self) -> bool:
        """Whether ranks behind the last layer say nothing."""
        return self.layers[-1].is_collapsed


def _number(name: str, value: Any) -> Any:
    return math.nan if value is None and name != "layer" else value


def without_labels(
    encoder: Encoder | None,
    data: Images | Features | ArrayLike,
    *,
    images: int | None = None,
    views: int | None = None,
    seed: int | None = None,
    progress: bool = True,
    comm: Any = None,
    **features: Unpack[FeatureOptions],
) -> WithoutLabels:
    """RankMe, effective rank, α-ReQ and similarity behind every layer, and LiDAR behind the last.

    A rank says nothing without its similarity: an encoder collapsed to a constant and a little noise has the rank of
    the noise, which may be all there is. `WithoutLabels.verdict` reads both. Ranks compare encoders of one width on the
    same images; how far they order runs as labels do: docs/recipes.md.

    Args:
        encoder: whose features; None for vectors from elsewhere.
        data: a data set, the path of a folder, or an array of images; those that cannot be read are left out. Without
            an encoder vectors [N, C], `Features`, or [N, views, C], the views of each image: ranks are of the first.
        images: the most that are looked at, spread evenly over the data set; 1000 if not given.
        views: random crops of each image, as training has them, for LiDAR; 10 if not given (its authors take 50), 0:
            without LiDAR.
        seed: of the crops; 0 if not given.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks encode the images together, all by the same call: docs/scaling.md.
        features: how images become vectors. The defaults are those of the nearest-neighbour score; `layer` names those
            looked at, all if not given.

    Raises:
        ValueError: fewer than two images, numbers that are not finite, an option outside its range.
        TypeError: `encoder` is none, or options are given that do not go with vectors.

    Examples:
        >>> found = lm.evaluate.without_labels(encoder, photos, progress=False)
        >>> [layer.layer for layer in found.layers]
        [0, 1, 2]

    """
    given = {"images": images, "views": views, "seed": seed}
    if encoder is None:
        if features or any(value is not None for value in given.values()):
            raise TypeError("data: are vectors: no options of images, views or features go with them")
        return WithoutLabels._from_json(_native.evaluate_features_without_labels(_vectors(data)))
    ranks = Ranks(comm)
    with ranks.agreeing():
        require_encoder(encoder)
        if isinstance(data, Features):
            raise TypeError("data: are Features, which go without an encoder")
        refuse_unknown("without_labels", features, [*given, *FeatureOptions.__annotations__])
        options = to_json({name: value for name, value in given.items() if value is not None})
        wanted = feature_options(encoder, **features)
        source = as_dataset(data, encoder.config.channels)
    with ranks.encoding(encoder, source) as encoder, Bar(progress and ranks.is_root) as bar:
        report = _native.evaluate_without_labels(encoder._handle, source._handle, options, wanted, bar)
    return WithoutLabels._from_json(report)


def _vectors(data: Any) -> _arrays.FloatArray:
    vectors = _arrays.floats(data.vectors if isinstance(data, Features) else data, "data")
    if vectors.ndim not in (2, 3):
        raise ValueError(f"data: shape is {list(vectors.shape)}, wanted [N, C], or [N, views, C]")
    return np.ascontiguousarray(vectors if vectors.ndim == 3 else vectors[:, np.newaxis])
