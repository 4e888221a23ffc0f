"""Progress, shown and in words."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["bar", "duration"]


def bar(total: int | None, description: str, unit: str, *, is_shown: bool = True, **options: Any) -> Any:
    """A progress bar of tqdm, which takes the options.

    Examples:
        >>> from latentmim.progress import bar
        >>> with bar(3, "counting", "image", is_shown=False) as shown:
        ...     shown.update(3)

    """
    from tqdm.auto import tqdm

    # In a log file a line now and then is enough.
    pause = 0.2 if sys.stderr.isatty() or "ipykernel" in sys.modules else 10
    return tqdm(total=total, desc=description, unit=unit, mininterval=pause, disable=not is_shown, **options)


def duration(seconds: float) -> str:
    """In the two largest units: "3 h 20 min".

    Examples:
        >>> from latentmim.progress import duration
        >>> duration(75), duration(7300)
        ('75 s', '2 h 2 min')

    """
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} days {hours % 24} h"
