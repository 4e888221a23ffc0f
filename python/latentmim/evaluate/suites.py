"""Several protocols or poolings at once; images go through the encoder once for each tap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from latentmim.evaluate.features import feature_options
from latentmim.evaluate.results import Report
from latentmim.evaluate.running import PROTOCOLS, encoder_of, entry_text, run, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentmim.encoder import Encoder, Pooling
    from latentmim.evaluate.running import Images, Protocol
    from latentmim.model import LatentMIM

__all__ = ["compare_poolings", "suite"]


def suite(
    model: LatentMIM | Encoder,
    train: Images | None,
    test: Images,
    *,
    fine_tune: bool = False,
    progress: bool = True,
    comm: Any = None,
) -> Report:
    """Every protocol that applies, with its defaults, as one report.

    `nn` inside the test set, the others from the training set. What does not apply (too few images of a class, say) is
    left out and named with the reason in `Report.left_out`.

    Args:
        model: a model or an encoder.
        train: what protocols learn from, with labels; without one they are left out.
        test: what they are scored on, with labels; classes of folders are found by name.
        fine_tune: whether a copy of the encoder is fine-tuned too, which takes far longer than all the rest.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks encode the images together, all by the same call: docs/scaling.md.

    Raises:
        ValueError: a data set has no labels, or there is nothing to fine-tune on.
        TypeError: `model` is neither model nor encoder.

    Examples:
        >>> report = lm.evaluate.suite(model, photos, held_out, progress=False)
        >>> report["knn"].test
        28

    """
    if fine_tune and train is None:
        raise ValueError("fine_tune: there is no training set, and it learns from one")
    entries = json.dumps({"suite": PROTOCOLS}) if fine_tune else None
    return run(encoder_of(model), train, test, entries, progress, comm)


def compare_poolings(
    model: LatentMIM | Encoder,
    train: Images | None,
    test: Images,
    protocol: Protocol = "linear",
    *,
    poolings: Sequence[Pooling] = ("cls", "mean", "max", "topk_mean"),
    pooling_k: int | Sequence[int] = 10,
    progress: bool = True,
    comm: Any = None,
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
        progress: whether a bar is shown.
        comm: as in `suite`.
        options: of the protocol, as in its function; of how images become vectors, as in `features`.

    Raises:
        ValueError: no such protocol or pooling, k beyond the number of patches, and what the protocol refuses.

    Examples:
        >>> found = lm.evaluate.compare_poolings(
        ...     encoder, photos, held_out, "knn", poolings=["mean", "max"], progress=False
        ... )
        >>> [result.protocol for result in found.results]
        ['knn', 'knn']

    """
    encoder = encoder_of(model)
    numbers = [pooling_k] if isinstance(pooling_k, int) else list(pooling_k)
    wanted = [(name, k) for name in poolings for k in (numbers if name == "topk_mean" else numbers[:1])]
    own, features = split(protocol, options, "compare_poolings")
    entries = [
        entry_text(protocol, own, feature_options(encoder, **features | {"pooling": name, "pooling_k": k}))
        for name, k in wanted
    ]
    return run(encoder, train, test, f"[{', '.join(entries)}]", progress, comm)
