"""Diagnosing collapse: where a loss stands, and how far apart images lie behind every layer."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.data import Arrays, Dataset, as_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import PathLike
    from latentmim.config import Precision
    from latentmim.encoder import Encoder
    from latentmim.model import LatentMIM

__all__ = ["CollapseError", "Diagnosis", "Spread", "diagnose", "spread"]

CollapseError = _native.CollapseError


@dataclass(frozen=True)
class Diagnosis:
    """Where a loss stands between knowing nothing and perfection.

    Attributes:
        loss: what was read: the objective's share of a loss, or all of it where that is not known.
        chance: the loss of predictions that know nothing of the patches; nan where it depends on the targets, or where
            there is nothing to hold against it.
        floor: that of perfect predictions of targets as different as they can be; 0 for direct reconstruction.
        position: 1 at chance, 0 at the floor.
        meaning: what that means, in words.

    Examples:
        >>> from latentmim.diagnostics import Diagnosis
        >>> print(Diagnosis(loss=0.6, chance=1.0, floor=0.2, position=0.5, meaning="It learns."))
        floor 0.200 ├──────────────●───────────────┤ 1.000 chance: loss 0.600. It learns.

    """

    loss: float
    chance: float
    floor: float
    position: float
    meaning: str

    def _repr_html_(self) -> str:
        if np.isnan(self.position):
            return f"<p>{html.escape(str(self))}</p>"
        place = min(max(self.position, 0), 1)
        return (
            f"<p>floor {self.floor:.3f} <meter value={place:.3f}></meter> {self.chance:.3f} chance: "
            f"loss <b>{self.loss:.3f}</b>. {html.escape(self.meaning)}</p>"
        )

    def __str__(self) -> str:
        if np.isnan(self.position):
            return f"loss {self.loss:.3f}: {self.meaning}"
        width = 30
        mark = min(max(round(self.position * (width - 1)), 0), width - 1)
        scale = "─" * mark + "●" + "─" * (width - 1 - mark)
        return f"floor {self.floor:.3f} ├{scale}┤ {self.chance:.3f} chance: loss {self.loss:.3f}. {self.meaning}"


def diagnose(model: LatentMIM, metrics: Mapping[str, float]) -> Diagnosis:
    """Read a loss.

    The bounds are the objective's, and so is the share of the loss that is held against them, "objective_loss": not the
    similarity constraint's, nor that of contrasted crops.

    Args:
        model: whose loss it is.
        metrics: of a step, as `Trainer.history` and metrics.jsonl hold them, or `model.loss` returns them: "loss",
            "objective_loss", "similarity_targets" and "similarity_images" are looked at. Where the second is missing,
            models whose loss is the objective alone are read by the first.

    Raises:
        ValueError: one of them is missing.

    Examples:
        >>> trainer = lm.Trainer(model, photos, epochs=1, batch_size=14)
        >>> found = lm.diagnose(model, trainer.step())
        >>> found.chance == model.chance_loss
        True

    """
    names = ("loss", "similarity_targets", "similarity_images")
    if missing := [name for name in names if name not in metrics]:
        raise ValueError(f"metrics: {', '.join(missing)} missing, wanted the metrics of a step")
    # metrics.jsonl has null where there was nothing to measure.
    given = {name: metrics.get(name) for name in (*names, "objective_loss")}
    read = {name: np.nan if value is None else float(value) for name, value in given.items()}
    position, meaning = _native.model_diagnose(model._handle, read)
    if np.isnan(position):
        return Diagnosis(read["loss"], np.nan, model.floor_loss, position, meaning)
    loss = read["loss"] if np.isnan(read["objective_loss"]) else read["objective_loss"]
    return Diagnosis(loss, model.chance_loss, model.floor_loss, position, meaning)


@dataclass(frozen=True)
class Spread:
    """How far apart images lie behind every layer of an encoder: of their mean patch tokens.

    Attributes:
        effective_rank: [depth + 1] float64, layer 0 (the embedded patches) first: how many directions they spread
            over, exp of the entropy of the normalised singular values; at most images − 1. It says nothing of layers
            whose images look alike: they have the rank of the noise between them.
        similarity: [depth + 1] float64: mean cosine between different images; above 0.98 the table says "collapsed".

    Examples:
        >>> print(lm.diagnostics.Spread(np.array([9.5, 3.2]), np.array([0.3, 0.99])))
        layer  rank    similarity
            0     9.5  0.300
            1     3.2  0.990  collapsed: the rank is that of noise

    """

    effective_rank: NDArray[np.float64]
    similarity: NDArray[np.float64]

    def _repr_markdown_(self) -> str:
        return "\n".join(
            [
                "| layer | effective rank | similarity |",
                "|---|---|---|",
                *(f"| {i} | {rank:.1f} | {cosine:.3f}{note} |" for i, rank, cosine, note in self._rows()),
            ]
        )

    def __str__(self) -> str:
        return "\n".join(
            [
                "layer  rank    similarity",
                *(f"{i:5}  {rank:6.1f}  {cosine:.3f}{note}" for i, rank, cosine, note in self._rows()),
            ]
        )

    def _rows(self) -> list[tuple[int, float, float, str]]:
        """Layer, rank and similarity, and what is to be said where no rank counts."""
        most = _native.collapsed_similarity()
        notes = ["  collapsed: the rank is that of noise" if cosine > most else "" for cosine in self.similarity]
        return list(zip(range(len(notes)), self.effective_rank, self.similarity, notes, strict=True))


def spread(encoder: Encoder, images: Dataset | PathLike | ArrayLike, *, precision: Precision = "float32") -> Spread:
    """How far apart images lie behind every layer, before the final norm.

    Args:
        encoder: to look into.
        images: [B, H, W, channels], at least two, uint8, uint16 or float in 0 … 1, not normalised; sides divisible
            by the patch size. Or a data set or the path of a folder, whose images are brought to the trained size (all
            at once: take some hundreds); those that cannot be read are left out.
        precision: what the operands of products are rounded to.

    Raises:
        ValueError: fewer than two images, sides that do not divide, numbers that are not finite.

    Examples:
        >>> found = lm.spread(encoder, photos)
        >>> found.similarity.shape, bool((found.effective_rank < len(photos)).all())
        ((3,), True)

    """
    if isinstance(images, str | os.PathLike | Dataset) and not isinstance(images, Arrays):
        pixels = as_dataset(images, encoder.config.channels).resized(encoder.config.image_size)
        pixels = pixels[np.isfinite(pixels[:, 0, 0, 0])]
    else:
        pixels, _ = _arrays.batch(images.images if isinstance(images, Arrays) else images)
    ranks, similarities = (np.empty(encoder.config.depth + 1) for _ in range(2))
    _native.encoder_spread(encoder._handle, pixels, precision, ranks, similarities)
    return Spread(ranks, similarities)
