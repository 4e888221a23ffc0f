"""`latentmim evaluate`: its options, and what it prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from latentmim.data import ImageFolder
from latentmim.encoder import load_encoder
from latentmim.evaluate.features import FeatureOptions
from latentmim.evaluate.protocols import pixels_nearest_neighbor
from latentmim.evaluate.running import PROTOCOLS, score
from latentmim.evaluate.suites import suite
from latentmim.evaluate.tuning import fine_tune

if TYPE_CHECKING:
    import argparse

    from latentmim.evaluate.results import Report, Result

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument("weights", help="encoder.safetensors, a checkpoint, or the authors' .pth")
    parser.add_argument("folder", help="images scored: a sub-folder for each class")
    parser.add_argument("--train", metavar="FOLDER", help="images that protocols learn from; all but nn need it")
    parser.add_argument("--protocol", choices=[*PROTOCOLS, "suite"], default="nn", help="(default: nn)")
    parser.add_argument("--k", type=int, nargs="+", help="numbers of neighbours of knn and knn_uniform")
    parser.add_argument("--seed", type=int, nargs="+", help="of linear and fine_tune; of few_shot one for each run")
    parser.add_argument("--pooling", choices=["cls", "mean", "max", "topk_mean"], help="(default: the protocol's)")
    parser.add_argument("--layer", type=int, help="block behind which features are taken (default: the last)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="any other option of the protocol, e.g. epochs=50 (repeatable)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="where fine_tune leaves the trained encoder (safetensors)")
    parser.add_argument("--json", metavar="FILE", help="write everything that was found")
    parser.add_argument("--pixels", action="store_true", help="score raw pixels too (nn)")


def run(chosen: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Evaluate as the command line says: `settings` are the options set by name. Prints rows of a table."""
    images = ImageFolder(chosen.folder)
    train = None if chosen.train is None else ImageFolder(chosen.train)
    if train is None and chosen.protocol not in ("nn", "suite"):
        raise ValueError(f"--protocol {chosen.protocol} learns from a training set: --train FOLDER is wanted")
    if chosen.out is not None and chosen.protocol != "fine_tune":
        raise ValueError("--out: only --protocol fine_tune trains an encoder to be written")
    encoder = load_encoder(chosen.weights)
    if chosen.pixels:
        print(pixels_nearest_neighbor(images))
    found: Result | Report
    if chosen.protocol == "suite":
        if settings or _options(chosen) or _features(chosen):
            raise ValueError("--protocol suite takes every protocol with its defaults: no other options go with it")
        found = suite(encoder, train, images)
    elif chosen.protocol == "fine_tune":
        assert train is not None
        options = settings | _options(chosen) | dict(_features(chosen))
        tuned = fine_tune(encoder, train, images, **options)
        if chosen.out is not None:
            tuned.encoder.save(chosen.out)
        found = tuned.result
    else:
        options = settings | _options(chosen)
        found = score(chosen.protocol, options, encoder, train, images, True, _features(chosen))
    print(found)
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(found.to_dict(), file)


def _options(chosen: argparse.Namespace) -> dict[str, Any]:
    several = chosen.protocol in ("knn", "few_shot")
    options: dict[str, Any] = {}
    if chosen.k is not None:
        options["k"] = chosen.k if several or len(chosen.k) > 1 else chosen.k[0]
    if chosen.seed is not None:
        options["seeds" if several else "seed"] = chosen.seed if several or len(chosen.seed) > 1 else chosen.seed[0]
    return options


def _features(chosen: argparse.Namespace) -> FeatureOptions:
    features = FeatureOptions()
    if chosen.pooling is not None:
        features["pooling"] = chosen.pooling
    if chosen.layer is not None:
        features["layer"] = chosen.layer
    return features
