"""Ctrl-C that lets a step end."""

from __future__ import annotations

import signal
import threading
from typing import Any

__all__ = ["Interrupts"]


class Interrupts:
    """While entered, a first Ctrl-C is only noted in `requested`; a second one raises KeyboardInterrupt.

    Nothing changes outside the main thread, where Python delivers no signals, and where the signal is ignored (`nohup`,
    a script's `&`) or not Python's to handle.

    Examples:
        >>> from latentmim.interrupts import Interrupts
        >>> with Interrupts() as interrupts:
        ...     pass

    """

    def __init__(self) -> None:
        self.requested = False
        self._earlier: Any = None

    def __enter__(self) -> Interrupts:
        is_ours = signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None)
        if is_ours and threading.current_thread() is threading.main_thread():
            self._earlier = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._earlier is not None:
            signal.signal(signal.SIGINT, self._earlier)

    def _note(self, *_: object) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
