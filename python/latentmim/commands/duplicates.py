"""`latentmim evaluate --protocol duplicates`: near and exact copies of a folder, and its outliers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentmim.commands.shared import read_encoder
from latentmim.data import as_dataset
from latentmim.evaluate.copies import duplicates

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from latentmim.evaluate.copies import Duplicates

__all__ = ["duplicates_options", "refuse_duplicates_options", "run_duplicates"]

OTHERS = ("train", "seed", "pixels", "out")


def duplicates_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `--protocol duplicates`."""
    group = parser.add_argument_group(
        "--protocol duplicates", "example: latentmim evaluate encoder.safetensors photos/ --protocol duplicates"
    )
    group.add_argument("--threshold", type=float, help="cosine from which images are near (default: 0.99)")


def refuse_duplicates_options(chosen: argparse.Namespace) -> None:
    """Refuse options of other protocols.

    Raises:
        ValueError: names the first.

    """
    if chosen.protocol != "duplicates":
        if chosen.threshold is not None:
            raise ValueError("--threshold: only --protocol duplicates takes it")
        return
    for name in OTHERS:
        if getattr(chosen, name):
            raise ValueError(f"--{name}: is no option of --protocol duplicates")
    if chosen.k is not None and len(chosen.k) > 1:
        raise ValueError(f"--k: has {len(chosen.k)} numbers, --protocol duplicates wants one")


def run_duplicates(chosen: argparse.Namespace, options: Mapping[str, Any]) -> Duplicates:
    """Look for them as the command line says; `options` of features, too."""
    own = {"threshold": chosen.threshold, "k": chosen.k and chosen.k[0]}
    encoder = read_encoder(chosen.weights, chosen)
    images = as_dataset(chosen.folder, encoder.config.channels, "skip")
    return duplicates(encoder, images, **options, **{name: value for name, value in own.items() if value is not None})
