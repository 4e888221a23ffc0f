"""What the paper's tables are made of: rows to train, the paper's figures, and the orderings that they show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MEASURES", "Claim", "Experiment", "Row", "Scores"]

# What is measured of every row, in the order of the columns: name in the results → title.
MEASURES = {"nn": "NN", "linear": "Linear", "fine_tuned": "Fine-tuned"}


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The paper's figures of a row: top-1 in per cent, and the mean cosine between images. None: not reported.

    Examples:
        >>> from latentmim.reproduce.rows import Scores
        >>> Scores(nn=77.5, linear=53.6).nn
        77.5

    """

    nn: float | None = None
    linear: float | None = None
    fine_tuned: float | None = None
    similarity: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A model to train, at the paper's sizes; `Scale` translates them.

    Attributes:
        key: names the run; rows of several tables that are the same run share it.
        name: as in the paper's table.
        paper: its figures there.
        model: options of the model. `patch_gap` is of 16-pixel patches; `decoder_depth`, `target_depth` and
            `target_layers` are of a 12-block encoder; `decoder_width` is of one 768 wide; `mask_ratio` counts whole
            squares where there is a `mask_block`. What is not here is the preset's.
        training: options of its training, likewise.
        average: (m, steps) of a constant target average: how m was published, and for how many steps. A run of fewer
            steps gets an average of as much shorter memory.
        longer: the run takes so many times the epochs of the others, one at least; with 0 it is not trained.
        teacher: what a published encoder is to the row: the "target" of its predictions, or its "start".

    Examples:
        >>> from latentmim.reproduce.experiments import EXPERIMENTS
        >>> EXPERIMENTS["table2"].rows[0].name
        'MSE'

    """

    key: str
    name: str
    paper: Scores = Scores()
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    average: tuple[float, int] | None = None
    longer: float = 1
    teacher: Literal["", "target", "start"] = ""


@dataclass(frozen=True)
class Claim:
    """What the paper's figures show, to be looked for in ours.

    Attributes:
        text: in words.
        better: key of the row that is better, or that the claim is about.
        worse: key of the row that is worse, of an "order".
        kind: "order": one row scores better than another. "collapse": all images are alike to the model. "late_drop":
            the nearest-neighbour score ends below its best.

    Examples:
        >>> from latentmim.reproduce.rows import Claim
        >>> Claim("a gap > none", "gap", "no-gap").kind
        'order'

    """

    text: str
    better: str
    worse: str = ""
    kind: Literal["order", "collapse", "late_drop"] = "order"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A table or a figure of the paper: its rows, and what they show there.

    Examples:
        >>> from latentmim.reproduce.experiments import EXPERIMENTS
        >>> EXPERIMENTS["table3"].title
        'Table 3: less semantic correlation'

    """

    name: str
    title: str
    rows: tuple[Row, ...]
    claims: tuple[Claim, ...] = ()
    remark: str = ""
