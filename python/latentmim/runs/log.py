"""metrics.jsonl: a line of JSON a step."""

from __future__ import annotations

import contextlib
import json
import math
import os
from typing import TYPE_CHECKING, Any

from latentmim import _arrays
from latentmim._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from latentmim._arrays import PathLike

__all__ = ["add_metrics", "parse_metrics", "read_metrics", "without_nan", "write_metrics"]


def read_metrics(path: PathLike) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl, one dict a step. Damaged lines are left out with a warning that names the file and
    the first of them; a last line that a crash cut off is left out without one.

    Raises:
        OSError: it cannot be read.

    Examples:
        >>> from latentmim.runs import read_metrics
        >>> [line["step"] for line in read_metrics("run/metrics.jsonl")]
        [1, 2, 3, 4]

    """
    history, problem = parse_metrics(path)
    if problem is not None:
        warn(problem, RuntimeWarning)
    return history


def parse_metrics(path: PathLike) -> tuple[list[dict[str, Any]], str | None]:
    """The whole lines, and what is wrong with others.

    Examples:
        >>> from latentmim.runs.log import parse_metrics
        >>> lines, damage = parse_metrics("run/metrics.jsonl")
        >>> len(lines), damage
        (4, None)

    """
    path = _arrays.path(path)
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    cut = lines.pop()
    history, problems = [], []
    for number, line in enumerate(lines, 1):
        try:
            history.append(_metrics(line))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if cut:
        with contextlib.suppress(ValueError):
            history.append(_metrics(cut))
    if not problems:
        return history, None
    others = f"; so {'is 1 other' if len(problems) == 2 else f'are {len(problems) - 1} others'}" if problems[1:] else ""
    return history, f"{path}, {problems[0]}; the line is left out{others}"


def add_metrics(path: str, metrics: dict[str, Any]) -> None:
    """Add a line: all of it, or an OSError that names the file and nothing added.

    Examples:
        >>> from latentmim.runs.log import add_metrics, read_metrics
        >>> add_metrics("metrics.jsonl", {"step": 1, "loss": 1.5})
        >>> read_metrics("metrics.jsonl")
        [{'step': 1, 'loss': 1.5}]

    """
    data = _line(metrics).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        before = os.fstat(descriptor).st_size
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        except OSError as error:
            # A device has no size to go back to.
            if os.fstat(descriptor).st_size > before:
                os.ftruncate(descriptor, before)
            raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(descriptor)


def write_metrics(path: str, history: Iterable[dict[str, Any]]) -> None:
    """Write a log anew: all of it, or an OSError and the file as it was.

    Examples:
        >>> from latentmim.runs.log import read_metrics, write_metrics
        >>> write_metrics("metrics.jsonl", [{"step": 1, "loss": 1.5}])
        >>> read_metrics("metrics.jsonl")
        [{'step': 1, 'loss': 1.5}]

    """
    replace(path, "".join(map(_line, history)))


def replace(path: str, text: str) -> None:
    """Put a text in the place of a file."""
    beside = f"{path}.part"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)


def without_nan(value: Any) -> Any:
    """None for nan (the similarity between images of a batch of one, the chance level of MSE), which JSON knows not.

    Examples:
        >>> from latentmim.runs.log import without_nan
        >>> without_nan({"loss": float("nan"), "step": 1})
        {'loss': nan, 'step': 1}

    """
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(metrics: dict[str, Any]) -> str:
    return json.dumps({name: without_nan(value) for name, value in metrics.items()}, allow_nan=False) + "\n"


def _metrics(line: bytes) -> dict[str, Any]:
    """A step of a line. Raises ValueError that says what is wrong with it."""
    try:
        found = json.loads(line.decode())
    except UnicodeDecodeError:
        raise ValueError("no UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON ({error})") from None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    if type(found.get("step")) is not int or found["step"] < 1:
        raise ValueError("no step, a whole number from 1")
    for name, value in found.items():
        if value is not None and type(value) not in (int, float):
            raise ValueError(f"{name[:40]!r} is no number")
    return {name: math.nan if value is None else value for name, value in found.items()}
