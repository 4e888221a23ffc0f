"""An encoder as a step of scikit-learn's pipelines."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.embedding.computing import embedded, plan_of
from latentmim.encoder import require_encoder
from latentmim.loading import load_encoder
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.config import Precision
    from latentmim.embedding.computing import Plan
    from latentmim.embedding.sources import Images
    from latentmim.encoder import Encoder, Part, Pooling

__all__ = ["Features"]


class Features:
    """A transformer for scikit-learn: images in, [N, C] float32 out; nothing is learnt from them.

    Vectors from elsewhere that are to be scored are `latentmim.evaluate.Features`, which is something else.

    It has what pipelines, grid searches, `clone` and pickle ask for, and works without scikit-learn, too. X is whatever
    `embed` takes. Where rows of X are selected (cross-validation), that is a list of paths, such as `dataset.paths`, or
    an array or list of images.

    Args:
        encoder: an `Encoder`, or the path of one, which `load_encoder` then reads once for each fit.
        pooling: "mean" or "max" of the patches, the class token "cls", or "topk_mean", per channel the mean of its
            largest values.
        pooling_k: how many those are; 10 if not given.
        layer: see `latentmim.evaluate.features`, and so are all that follow; vectors of several layers lie one behind
            the other.
        part: "tokens", "queries", "keys" or "values".
        norm: with the final norm; without if not given.
        projector: through the projector.
        size: (height, width) of what the encoder sees, or one number.
        short_side: images are brought to it, and the centre of `size` is cut out.
        stride: pixels from a patch to the next.
        precision: "float32" if not given, "bf16", "int8" or "auto".
        extend_positions: larger images reach further than the trained grid.

    Attributes:
        encoder_: after `fit`, the encoder itself: a pickled pipeline has the weights in it.

    Examples:
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> from sklearn.pipeline import make_pipeline
        >>> classifier = make_pipeline(lm.Features(encoder, size=80), KNeighborsClassifier(1))
        >>> classifier.fit(photos.paths, photos.labels).predict(held_out.paths).shape
        (28,)

    """

    def __init__(
        self,
        encoder: Encoder | PathLike,
        *,
        pooling: Pooling = "mean",
        pooling_k: int | None = None,
        layer: int | Sequence[int] | None = None,
        part: Part | None = None,
        norm: bool | None = None,
        projector: bool | None = None,
        size: int | tuple[int, int] | None = None,
        short_side: int | None = None,
        stride: int | None = None,
        precision: Precision | None = None,
        extend_positions: bool | None = None,
    ) -> None:
        # As scikit-learn asks for it: kept as they are, checked when they are used.
        self.encoder = encoder
        self.pooling = pooling
        self.pooling_k = pooling_k
        self.layer = layer
        self.part = part
        self.norm = norm
        self.projector = projector
        self.size = size
        self.short_side = short_side
        self.stride = stride
        self.precision = precision
        self.extend_positions = extend_positions

    encoder_: Encoder

    def fit(self, X: Images, y: object = None) -> Self:
        """Read the encoder, if it is given by its path, and check the options. X and y are not looked at.

        Raises:
            ValueError: an option that this encoder does not have, or out of its range.
            TypeError: `encoder` is neither an encoder nor a path.
            OSError: it cannot be read.

        Examples:
            >>> lm.Features("encoder.safetensors").fit(photos).encoder_
            Encoder(48 wide, 2 deep, 3 heads; patches of 16×16×3, trained on 4×4)

        """
        self.encoder_ = self._read()
        self._plan(self.encoder_)
        return self

    def transform(self, X: Images) -> FloatArray:
        """[N, C] float32, those of an image the same with whatever others it comes (see `Encoder.features`).

        Raises:
            ValueError: as `embed`.
            OSError: an image cannot be read.

        Examples:
            >>> lm.Features(encoder, size=64).fit(photos).transform(photos[:3]).shape
            (3, 48)

        """
        encoder = self._encoder
        return embedded(encoder, X, self._plan(encoder))

    def fit_transform(self, X: Images, y: object = None) -> FloatArray:
        """`fit`, then `transform`.

        Examples:
            >>> lm.Features(encoder, size=64).fit_transform(photos[:3]).shape
            (3, 48)

        """
        return self.fit(X, y).transform(X)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """The names of the columns: "features0", "features1" and so on.

        Examples:
            >>> lm.Features(encoder).get_feature_names_out()[-1]
            'features47'

        """
        return np.array([f"features{number}" for number in range(self._plan(self._encoder).width)], object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments that it was made with, by name.

        Examples:
            >>> lm.Features(encoder, pooling="max").get_params()["pooling"]
            'max'

        """
        return {name: getattr(self, name) for name in _parameters(type(self))}

    def set_params(self, **params: Any) -> Self:
        """Change arguments; they count from the next `fit`.

        Raises:
            ValueError: it has no such argument; the nearest is named.

        Examples:
            >>> lm.Features("encoder.safetensors").set_params(pooling="cls", layer=1)
            Features(encoder='encoder.safetensors', pooling='cls', layer=1)

        """
        refuse_unknown(type(self).__name__, params, _parameters(type(self)))
        for name, value in params.items():
            setattr(self, name, value)
        return self

    @property
    def _encoder(self) -> Encoder:
        return self.encoder_ if hasattr(self, "encoder_") else self._read()

    def _read(self) -> Encoder:
        encoder: Any = self.encoder
        if isinstance(encoder, str) or hasattr(encoder, "__fspath__"):
            return load_encoder(encoder)
        require_encoder(encoder)
        found: Encoder = encoder
        return found

    def _plan(self, encoder: Encoder) -> Plan:
        plan = plan_of(encoder, {name: value for name, value in self.get_params().items() if name != "encoder"})
        if plan.kind != "vectors":
            raise ValueError(f"pooling: is {self.pooling!r}, wanted one vector for each image; `embed` gives tokens")
        return plan

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "encoder_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        # Paths are strings in one dimension; images, which have three, there is no tag for.
        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float32"]),
            input_tags=InputTags(one_d_array=True, two_d_array=False, three_d_array=True, string=True),
            no_validation=True,
            requires_fit=False,
        )

    def __repr__(self) -> str:
        defaults = {name: value.default for name, value in _parameters(type(self)).items()}
        given = {name: value for name, value in self.get_params().items() if value is not defaults[name]}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def _parameters(kind: type) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(kind.__init__).parameters)  # type: ignore[misc]
    parameters.pop("self")
    return parameters
