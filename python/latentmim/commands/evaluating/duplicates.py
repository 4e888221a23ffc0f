"""`latentmim evaluate --protocol duplicates`: near and exact copies of a folder, and its outliers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentmim.commands.evaluating.runner import OF_FEATURES, Runner, feature_settings, refuse_unknown_settings
from latentmim.commands.shared import read_encoder
from latentmim.data import as_dataset
from latentmim.distributed import Ranks
from latentmim.evaluate.copies import duplicates

if TYPE_CHECKING:
    import argparse

    from latentmim.evaluate.copies import Duplicates

__all__ = ["RUNNER"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `--protocol duplicates`."""
    group = parser.add_argument_group(
        "--protocol duplicates", "example: latentmim evaluate encoder.safetensors photos/ --protocol duplicates"
    )
    group.add_argument("--threshold", type=float, help="cosine from which images are near (default: 0.99)")


def run(chosen: argparse.Namespace) -> Duplicates:
    """Look for them as the command line says."""
    refuse_unknown_settings(chosen)
    if chosen.k is not None and len(chosen.k) > 1:
        raise ValueError(f"--k: has {len(chosen.k)} numbers, --protocol duplicates wants one")
    own: dict[str, Any] = {"threshold": chosen.threshold, "k": chosen.k and chosen.k[0]}
    options = feature_settings(chosen) | {name: value for name, value in own.items() if value is not None}
    with Ranks(chosen.comm).agreeing():
        encoder = read_encoder(chosen.weights, chosen)
        images = as_dataset(chosen.folder, encoder.config.channels, "skip")
    return duplicates(encoder, images, comm=chosen.comm, **options)


RUNNER = Runner(run=run, takes=frozenset({"k", "threshold", *OF_FEATURES}), add_options=add_options)
