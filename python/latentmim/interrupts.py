"""Ctrl-C that lets a step end."""

from __future__ import annotations

import signal
import threading
from typing import Any

__all__ = ["Interrupts"]


class Interrupts:
    """While entered, a first Ctrl-C (or another of these signals) is only noted in `requested`; a second one raises
    KeyboardInterrupt.

    Nothing changes outside the main thread, where Python delivers no signals, and where the signal is ignored (`nohup`,
    a script's `&`) or not Python's to handle.

    Examples:
        >>> from latentmim.interrupts import Interrupts
        >>> with Interrupts() as interrupts:
        ...     pass

    """

    def __init__(self, *signals: signal.Signals) -> None:
        self.requested = False
        self._signals = signals or (signal.SIGINT,)
        self._earlier: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._earlier[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, earlier in self._earlier.items():
            signal.signal(number, earlier)

    def _note(self, *_: object) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
