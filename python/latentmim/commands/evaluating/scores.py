"""Protocols of `lm.evaluate` that take an encoder and labelled images: a runner for each that the core lists, and for
all of them at once.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

from latentmim import evaluate
from latentmim.commands.evaluating.runner import (
    OF_FEATURES,
    Runner,
    feature_settings,
    keywords,
    refuse_unknown_settings,
)
from latentmim.commands.shared import images_of, read_encoder, settings
from latentmim.distributed import Ranks
from latentmim.evaluate.running import FUNCTIONS, PROTOCOLS, score

if TYPE_CHECKING:
    import argparse

    from latentmim.data import Dataset
    from latentmim.encoder import Encoder
    from latentmim.evaluate.features import FeatureOptions
    from latentmim.evaluate.results import Report, Result

__all__ = ["RUNNERS", "own_options"]

# Of options that take several numbers, the names by which functions call them.
SEVERAL = {"k": ("k",), "seed": ("seeds", "seed")}


def own_options(chosen: argparse.Namespace, own: list[str]) -> dict[str, Any]:
    """The protocol's options, `own`, as `--set`, `--k` and `--seed` say."""
    refuse_unknown_settings(chosen, own)
    options = {name: value for name, value in settings(chosen).items() if name in own}
    for option, names in SEVERAL.items():
        if (values := getattr(chosen, option)) is not None:
            name = next(name for name in names if name in own)
            options[name] = values if len(values) > 1 or name == "seeds" else values[0]
    return options


def _images(chosen: argparse.Namespace) -> tuple[Encoder, Dataset | None, Dataset]:
    """The encoder, what it learns from, and what is scored; raw pixels are scored on the way."""
    ranks = Ranks(chosen.comm)
    with ranks.agreeing():
        encoder = read_encoder(chosen.weights, chosen)
        channels = encoder.config.channels
        images = images_of(chosen.folder, channels, chosen)
        train = None if chosen.train is None else images_of(chosen.train, channels, chosen)
        if chosen.pixels and ranks.is_root:
            print(evaluate.pixels_nearest_neighbor(images))
    return encoder, train, images


def _score(own: list[str], chosen: argparse.Namespace) -> Result:
    options, features = own_options(chosen, own), cast("FeatureOptions", feature_settings(chosen))
    encoder, train, images = _images(chosen)
    return score(chosen.protocol, options, encoder, train, images, True, features, chosen.comm)


def _fine_tune(own: list[str], chosen: argparse.Namespace) -> Result:
    options: dict[str, Any] = own_options(chosen, own) | feature_settings(chosen)
    encoder, train, images = _images(chosen)
    assert train is not None
    tuned = evaluate.fine_tune(encoder, train, images, **options, comm=chosen.comm)
    if chosen.out is not None and Ranks(chosen.comm).is_root:
        tuned.encoder.save(chosen.out)
    return tuned.result


def _suite(chosen: argparse.Namespace) -> Report:
    return evaluate.suite(*_images(chosen), comm=chosen.comm)


def _runner(protocol: str) -> Runner:
    own = keywords(getattr(evaluate, FUNCTIONS[protocol]))
    is_tuned = protocol == "fine_tune"
    run = functools.partial(_fine_tune if is_tuned else _score, own)
    takes = {"train", "pixels", "skip_unreadable", *OF_FEATURES, *(["out"] if is_tuned else [])}
    takes |= {option for option, names in SEVERAL.items() if set(names) & set(own)}
    return Runner(run=run, takes=frozenset(takes), learns=protocol != "nn")


RUNNERS: dict[str, Runner] = {protocol: _runner(protocol) for protocol in PROTOCOLS} | {
    "suite": Runner(run=_suite, takes=frozenset({"train", "pixels", "skip_unreadable"}))
}
