"""Warnings that name the user's line, however deep in the package they arise."""

from __future__ import annotations

import sys
import warnings

HERE = __name__.partition(".")[0]


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called the package."""
    level, frame = 1, sys._getframe()
    while (caller := frame.f_back) is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, caller
    warnings.warn(message, category, stacklevel=level)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == HERE
