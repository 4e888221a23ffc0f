"""Loggers by name."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, NamedTuple, cast

from latentmim.names import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentmim.loggers.protocol import Logger

__all__ = ["NAMED", "NamedLogger", "make_loggers"]


class NamedLogger(NamedTuple):
    """Where a logger is, and the package it needs, which is also the name of its extra.

    Examples:
        >>> lm.loggers.NAMED["mlflow"].package
        'mlflow'

    """

    module: str
    kind: str
    package: str


NAMED = {
    "tensorboard": NamedLogger("latentmim.loggers.tensorboard", "TensorBoard", "tensorboard"),
    "wandb": NamedLogger("latentmim.loggers.wandb", "WeightsAndBiases", "wandb"),
    "mlflow": NamedLogger("latentmim.loggers.mlflow", "MLflow", "mlflow"),
    "trackio": NamedLogger("latentmim.loggers.trackio", "Trackio", "trackio"),
}


def make_loggers(wanted: str | Sequence[str | Logger]) -> dict[str, Logger]:
    """Loggers by what messages call them.

    Args:
        wanted: names of `NAMED`, objects with the methods of `Logger`, or one name.

    Raises:
        ValueError: an unknown name, or one that is there twice.
        TypeError: an object without the three methods.
        ImportError: a package that is not installed.

    Examples:
        >>> lm.loggers.make_loggers("tensorbord")
        Traceback (most recent call last):
            ...
        ValueError: loggers: there is no 'tensorbord'; did you mean 'tensorboard'?

    """
    made: dict[str, Logger] = {}
    for given in [wanted] if isinstance(wanted, str) else wanted:
        name, logger = (given, _named(given)) if isinstance(given, str) else (type(given).__name__, given)
        if lacking := [method for method in ("begin", "log", "end") if not callable(getattr(logger, method, None))]:
            raise TypeError(f"loggers: {given!r} has no method {lacking[0]!r}; wanted {', '.join(NAMED)} or a Logger")
        if name in made:
            raise ValueError(f"loggers: hold {name!r} twice")
        made[name] = logger
    return made


def _named(name: str) -> Logger:
    if name not in NAMED:
        raise ValueError(f"loggers: there is no {name!r}{nearest([name], NAMED)}")
    module, kind, package = NAMED[name]
    if importlib.util.find_spec(package) is None:
        raise ImportError(f"loggers: {name!r} needs the package {package}: pip install 'latentmim[{package}]'")
    return cast("Logger", getattr(importlib.import_module(module), kind)())
