"""Several protocols or poolings at once; images go through the encoder once for each tap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from latentmim.evaluate.features import feature_options
from latentmim.evaluate.results import Report
from latentmim.evaluate.running import encoder_of, entry_text, run
from latentmim.evaluate.tuning import fine_tune as tune

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentmim.encoder import Encoder, Pooling
    from latentmim.evaluate.running import Images
    from latentmim.model import LatentMIM

__all__ = ["compare_poolings", "suite"]


def suite(
    model: LatentMIM | Encoder,
    train: Images | None,
    test: Images,
    *,
    fine_tune: bool = False,
    progress: bool = True,
) -> Report:
    """Every protocol that applies, with its defaults, as one report.

    `nn` inside the test set; `knn`, `knn_uniform`, `linear` and `few_shot` from the training set. What does not apply
    (too few images of a class, say) is left out and named with the reason in `Report.left_out`.

    Args:
        model: a model or an encoder.
        train: what protocols learn from, with labels; without one they are left out.
        test: what they are scored on, with labels; classes of folders are found by name.
        fine_tune: whether a copy of the encoder is fine-tuned too, which takes far longer than all the rest.
        progress: whether a bar is shown.

    Raises:
        ValueError: a data set has no labels, or there is nothing to fine-tune on.
        TypeError: `model` is neither model nor encoder.

    """
    encoder = encoder_of(model)
    report = run(encoder, train, test, None, progress)
    if not fine_tune:
        return report
    if train is None:
        raise ValueError("fine_tune: there is no training set, and it learns from one")
    return report._with(tune(encoder, train, test, progress=progress).result)


def compare_poolings(
    model: LatentMIM | Encoder,
    train: Images | None,
    test: Images,
    protocol: Literal["nn", "knn", "knn_uniform", "linear", "few_shot"] = "linear",
    *,
    poolings: Sequence[Pooling] = ("cls", "mean", "max", "topk_mean"),
    pooling_k: int | Sequence[int] = 10,
    layer: int | None = None,
    norm: bool | None = None,
    size: int | tuple[int, int] | None = None,
    short_side: int | None = None,
    progress: bool = True,
    **options: Any,
) -> Report:
    """One protocol on several poolings of the same tokens (paper, A.2): a result for each.

    Args:
        model: a model or an encoder.
        train: what the protocol learns from, with labels; None for "nn".
        test: what it is scored on, with labels.
        protocol: its name.
        poolings: as in `features`.
        pooling_k: k of "topk_mean", or several of them.
        layer: behind which block; the last if not given.
        norm: with the final norm; the protocol's choice if not given.
        size: as in `features`.
        short_side: as in `features`.
        progress: whether a bar is shown.
        options: of the protocol, as in its function.

    Raises:
        ValueError: no such protocol or pooling, k beyond the number of patches, and what the protocol refuses.

    """
    encoder = encoder_of(model)
    numbers = [pooling_k] if isinstance(pooling_k, int) else list(pooling_k)
    wanted = [(name, k) for name in poolings for k in (numbers if name == "topk_mean" else numbers[:1])]
    entries = [
        entry_text(protocol, options, feature_options(
            encoder, size=size, short_side=short_side, layer=layer, norm=norm, pooling=name, pooling_k=k))
        for name, k in wanted
    ]  # fmt: skip
    return run(encoder, train, test, f"[{', '.join(entries)}]", progress)
