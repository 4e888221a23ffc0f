"""How protocols are handed to the core and come back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from latentmim import _latentmim as _native
from latentmim.config import to_json
from latentmim.data import as_dataset
from latentmim.distributed import Ranks
from latentmim.encoder import Encoder, require_encoder
from latentmim.evaluate.features import FeatureOptions, Features, ImageOptions, feature_options
from latentmim.evaluate.results import Report, Result
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike
    from latentmim.data import Dataset

__all__ = ["PROTOCOLS", "Bar", "Images", "Protocol", "encoder_of", "entry_text", "run", "score", "split"]

Protocol = Literal["nn", "knn", "knn_uniform", "linear", "few_shot", "fine_tune"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

Images: TypeAlias = "Dataset | PathLike | ArrayLike"

# What users call a protocol by.
FUNCTIONS = {
    "nn": "nearest_neighbor", "knn": "knn", "knn_uniform": "knn_uniform", "linear": "linear_probe",
    "few_shot": "few_shot", "fine_tune": "fine_tune",
}  # fmt: skip


def score(
    protocol: str,
    options: dict[str, Any],
    encoder: Encoder | None,
    train: Images | Features | None,
    test: Images | Features,
    progress: bool,
    features: Mapping[str, Any],
    comm: Any = None,
) -> Result:
    """One protocol, on an encoder's features, which ranks compute together, or on features given.

    Examples:
        >>> from latentmim.evaluate.running import score
        >>> score("nn", {}, encoder, None, photos, progress=False, features={}).protocol
        'nn'

    """
    with Ranks(comm).agreeing():
        options, features = split(protocol, {**options, **features})
        if isinstance(test, Features):
            if encoder is not None or features or not isinstance(train, Features | None):
                raise TypeError(
                    "Features are there already: no encoder, no data set and no feature options go with them"
                )
            return _score_features(protocol, options, train, test, progress and Ranks(comm).is_root)
        if isinstance(train, Features):
            raise TypeError("train: is Features, test is a data set; wanted two of a kind")
        require_encoder(encoder)
        assert encoder is not None
        entry = f"[{entry_text(protocol, options, feature_options(encoder, **features))}]"
    return run(encoder, train, test, entry, progress, comm).results[0]


def _score_features(
    protocol: str, options: dict[str, Any], train: Features | None, test: Features, progress: bool
) -> Result:
    vectors, labels = (None, None) if train is None else train._pair()
    entry = f"[{entry_text(protocol, options)}]"
    with Bar(progress) as bar:
        report = _native.evaluate_features(vectors, labels, *test._pair(), test.tap, entry, bar)
    return Report._from_json(report).results[0]


def run(
    encoder: Encoder, train: Images | None, test: Images, entries: str | None, progress: bool, comm: Any = None
) -> Report:
    """Several protocols, as the core reads them; the suite where none are named. Ranks encode the images together.

    Examples:
        >>> from latentmim.evaluate.running import entry_text, run
        >>> report = run(encoder, photos, held_out, f"[{entry_text('knn', {'k': 5})}]", progress=False)
        >>> report["knn"].test
        28

    """
    ranks = Ranks(comm)
    with ranks.agreeing():
        sets = [as_dataset(data, encoder.config.channels) for data in (train, test) if data is not None]
    learned = None if train is None else sets[0]._handle
    with ranks.encoding(encoder, *sets) as encoder, Bar(progress and ranks.is_root) as bar:
        return Report._from_json(_native.evaluate(encoder._handle, learned, sets[-1]._handle, entries, bar))


def split(
    protocol: str, options: Mapping[str, Any], function: str | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of a protocol, and those of features.

    Raises:
        ValueError: for what is neither, in the name of `function`, the protocol's own if not given.

    Examples:
        >>> from latentmim.evaluate.running import split
        >>> split("knn", {"k": 5, "pooling": "cls"})
        ({'k': 5}, {'pooling': 'cls'})

    """
    if protocol not in FUNCTIONS:
        return dict(options), {}  # the core names the protocols there are
    own = json.loads(_native.options(protocol))
    known = [*ImageOptions.__annotations__, *FeatureOptions.__annotations__]
    refuse_unknown(function or FUNCTIONS[protocol], options, [*own, *known])
    of_features = {name: value for name, value in options.items() if name in known and name not in own}
    return {name: value for name, value in options.items() if name not in of_features}, of_features


def entry_text(protocol: str, options: Mapping[str, Any], features: str | None = None) -> str:
    """A protocol as the core reads it.

    Examples:
        >>> from latentmim.evaluate.running import entry_text
        >>> entry_text("knn", {"k": 5})
        '{"protocol": "knn", "options": {"k": 5}}'

    """
    parts = [f'"protocol": "{protocol}"', f'"options": {to_json(dict(options))}']
    return "{" + ", ".join([*parts, *([] if features is None else [f'"features": {features}'])]) + "}"


def encoder_of(model: object) -> Encoder:
    """The encoder of a model, or the encoder itself. Raises TypeError.

    Examples:
        >>> from latentmim.evaluate.running import encoder_of
        >>> encoder_of(model)
        Encoder(48 wide, 2 deep, 3 heads; patches of 16×16×3, trained on 4×4)

    """
    from latentmim.model import LatentMIM

    encoder = model.encoder if isinstance(model, LatentMIM) else model
    require_encoder(encoder)
    assert isinstance(encoder, Encoder)
    return encoder


class Bar:
    """A progress bar for each thing that the core says it does."""

    def __init__(self, shown: bool) -> None:
        self._shown = shown
        self._bar: Any = None
        self._what = ""

    def __enter__(self) -> Callable[[str, int, int], None] | None:
        return self._tell if self._shown else None

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def _tell(self, what: str, done: int, total: int) -> None:
        from tqdm.auto import tqdm

        if what != self._what:
            self.__exit__()
            self._bar, self._what = tqdm(total=total, desc=what, leave=False), what
        self._bar.update(done - self._bar.n)
