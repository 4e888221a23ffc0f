"""`latentmim evaluate`: its options, and what it prints."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

from latentmim.commands.davis import davis_options, refuse_davis_options, run_davis
from latentmim.commands.duplicates import duplicates_options, refuse_duplicates_options, run_duplicates
from latentmim.commands.shared import (
    add_encoder_options,
    add_precision,
    add_settings,
    read_encoder,
    settings,
    sides,
    write,
)
from latentmim.data import as_dataset
from latentmim.evaluate import protocols
from latentmim.evaluate.features import FeatureOptions
from latentmim.evaluate.protocols import pixels_nearest_neighbor
from latentmim.evaluate.running import FUNCTIONS, PROTOCOLS, score
from latentmim.evaluate.suites import suite
from latentmim.evaluate.tuning import fine_tune
from latentmim.evaluate.without_labels import without_labels
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from latentmim.evaluate.results import Report, Result
    from latentmim.evaluate.without_labels import WithoutLabels

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim evaluate encoder.safetensors test/                        nearest neighbours, leave-one-out
  latentmim evaluate encoder.safetensors test/ --train train/ --protocol suite
  latentmim evaluate dinov2_vits14.pth test/ --train train/ --protocol linear --pooling cls --set epochs=50
  latentmim evaluate encoder.safetensors photos/ --protocol without_labels"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument("weights", help="encoder.safetensors, a checkpoint, or the authors' .pth")
    parser.add_argument("folder", help="images scored: a sub-folder for each class, but of without_labels; of "
                        "davis, the folder of DAVIS")  # fmt: skip
    parser.add_argument("--train", metavar="FOLDER", help="images that protocols learn from; all need it but nn "
                        "and without_labels")  # fmt: skip
    parser.add_argument("--protocol", choices=[*PROTOCOLS, "suite", "without_labels", "davis", "duplicates"],
                        default="nn")  # fmt: skip
    parser.add_argument("--k", type=int, nargs="+", help="neighbours of knn (several), knn_uniform and duplicates")
    parser.add_argument("--seed", type=int, nargs="+", help="of linear, fine_tune and without_labels; of few_shot one "
                        "for each run")  # fmt: skip
    parser.add_argument("--pooling", choices=["cls", "mean", "max", "topk_mean"], help="(default: the protocol's)")
    parser.add_argument("--layer", type=int, help="block behind which features are taken (default: the last)")
    parser.add_argument(
        "--size", type=int, nargs="+", metavar="PIXELS", help="HEIGHT WIDTH that the encoder sees, or one"
    )
    add_precision(parser)
    add_settings(parser, "epochs=50")
    parser.add_argument(
        "--out",
        metavar="PATH",
        help="file where fine_tune leaves the trained encoder (safetensors); folder where davis leaves masks",
    )
    parser.add_argument("--json", metavar="FILE", help="write everything that was found")
    parser.add_argument("--pixels", action="store_true", help="score raw pixels too (nn)")
    davis_options(parser)
    duplicates_options(parser)
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Evaluate as the command line says. Prints rows of a table."""
    refuse_davis_options(chosen)
    if chosen.protocol == "davis":
        write(run_davis(chosen), chosen.json)
        return
    refuse_duplicates_options(chosen)
    if chosen.protocol == "duplicates":
        refuse_unknown("--protocol duplicates", settings(chosen), FeatureOptions.__annotations__)
        write(run_duplicates(chosen, _features(chosen)), chosen.json)
        return
    if chosen.train is None and chosen.protocol not in ("nn", "suite", "without_labels"):
        raise ValueError(f"--protocol {chosen.protocol} learns from a training set: --train FOLDER is wanted")
    if chosen.train is not None and chosen.protocol == "without_labels":
        raise ValueError("--train: --protocol without_labels learns from nothing")
    if chosen.out is not None and chosen.protocol != "fine_tune":
        raise ValueError("--out: only --protocol fine_tune trains an encoder to be written")
    encoder = read_encoder(chosen.weights, chosen)
    channels = encoder.config.channels
    images = as_dataset(chosen.folder, channels)
    train = None if chosen.train is None else as_dataset(chosen.train, channels)
    options, features = _options(chosen), _features(chosen)
    if chosen.pixels:
        print(pixels_nearest_neighbor(images))
    found: Result | Report | WithoutLabels
    if chosen.protocol == "suite":
        if options or features:
            raise ValueError("--protocol suite takes every protocol with its defaults: no other options go with it")
        found = suite(encoder, train, images)
    elif chosen.protocol == "without_labels":
        found = without_labels(encoder, images, **options, **features)
    elif chosen.protocol == "fine_tune":
        assert train is not None
        tuned = fine_tune(encoder, train, images, **options, **features)
        if chosen.out is not None:
            tuned.encoder.save(chosen.out)
        found = tuned.result
    else:
        found = score(chosen.protocol, options, encoder, train, images, True, cast("FeatureOptions", features))
    write(found, chosen.json)


def _options(chosen: argparse.Namespace) -> dict[str, Any]:
    """The protocol's."""
    several = chosen.protocol in ("knn", "few_shot")
    if chosen.protocol != "suite":
        refuse_unknown(f"--protocol {chosen.protocol}", settings(chosen), _known(chosen.protocol))
    options = {name: value for name, value in settings(chosen).items() if name not in FeatureOptions.__annotations__}
    if chosen.k is not None:
        options["k"] = chosen.k if several or len(chosen.k) > 1 else chosen.k[0]
    if chosen.seed is not None:
        options["seeds" if several else "seed"] = chosen.seed if several or len(chosen.seed) > 1 else chosen.seed[0]
    return options


def _known(protocol: str) -> list[str]:
    """What `--set` may name."""
    others: dict[str, Callable[..., Any]] = {"fine_tune": fine_tune, "without_labels": without_labels}
    function = others[protocol] if protocol in others else getattr(protocols, FUNCTIONS[protocol], None)
    parameters = [] if function is None else list(inspect.signature(function).parameters.values())
    own = [item.name for item in parameters if item.kind is item.KEYWORD_ONLY and item.name != "progress"]
    return [*own, *FeatureOptions.__annotations__]


def _features(chosen: argparse.Namespace) -> dict[str, Any]:
    """How images become vectors; `--set` may name these, too."""
    features = {name: value for name, value in settings(chosen).items() if name in FeatureOptions.__annotations__}
    if chosen.pooling is not None:
        features["pooling"] = chosen.pooling
    if chosen.layer is not None:
        features["layer"] = chosen.layer
    if chosen.precision is not None:
        features["precision"] = chosen.precision
    if (size := sides(chosen.size)) is not None:
        features["size"] = size
    return features
