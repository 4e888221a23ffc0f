"""`latentmim evaluate --protocol without_labels`: ranks and similarity, LiDAR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentmim.commands.evaluating.runner import OF_FEATURES, Runner, feature_settings, keywords
from latentmim.commands.evaluating.scores import own_options
from latentmim.commands.shared import images_of, read_encoder
from latentmim.distributed import Ranks
from latentmim.evaluate.without_labels import without_labels

if TYPE_CHECKING:
    import argparse

    from latentmim.evaluate.without_labels import WithoutLabels

__all__ = ["RUNNER"]


def run(chosen: argparse.Namespace) -> WithoutLabels:
    """Look at a folder's features."""
    options: dict[str, Any] = own_options(chosen, keywords(without_labels)) | feature_settings(chosen)
    with Ranks(chosen.comm).agreeing():
        encoder = read_encoder(chosen.weights, chosen)
        images = images_of(chosen.folder, encoder.config.channels, chosen)
    return without_labels(encoder, images, comm=chosen.comm, **options)


RUNNER = Runner(run=run, takes=frozenset({"seed", "skip_unreadable", *OF_FEATURES}))
