"""What a protocol is to `latentmim evaluate`, and what several have in common."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from latentmim.commands.shared import settings, sides
from latentmim.evaluate.features import FeatureOptions
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

__all__ = ["OF_FEATURES", "Found", "Runner", "feature_settings", "keywords", "refuse_unknown_settings"]

# Options that say how images become vectors.
OF_FEATURES = ("pooling", "layer", "size", "precision", "set")

# Arguments that change nothing of what is found.
OF_CALLS = ("progress", "comm")


class Found(Protocol):
    """What a protocol finds: `print` shows it, and `to_dict` has all of it for JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Everything by name, ready for JSON."""


def no_options(_: argparse.ArgumentParser) -> None:
    """A protocol with no options of its own."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A protocol on the command line.

    Attributes:
        run: does it as the command line says.
        takes: options that go with it, by their names; others are refused.
        learns: whether it needs --train.
        add_options: adds the options that only it takes.

    """

    run: Callable[[argparse.Namespace], Found]
    takes: frozenset[str]
    learns: bool = False
    add_options: Callable[[argparse.ArgumentParser], None] = no_options


def keywords(function: Callable[..., Any]) -> list[str]:
    """The options of an evaluation, those of features left out."""
    parameters = inspect.signature(function).parameters.values()
    return [item.name for item in parameters if item.kind is item.KEYWORD_ONLY and item.name not in OF_CALLS]


def refuse_unknown_settings(chosen: argparse.Namespace, own: Iterable[str] = ()) -> None:
    """Refuse what `--set` names and neither the protocol nor features have. Raises ValueError."""
    refuse_unknown(f"--protocol {chosen.protocol}", settings(chosen), [*own, *FeatureOptions.__annotations__])


def feature_settings(chosen: argparse.Namespace) -> dict[str, Any]:
    """How images become vectors, by the options for that and by `--set`."""
    features = {name: value for name, value in settings(chosen).items() if name in FeatureOptions.__annotations__}
    given = {name: getattr(chosen, name) for name in ("pooling", "layer", "precision")} | {"size": sides(chosen.size)}
    return features | {name: value for name, value in given.items() if value is not None}
