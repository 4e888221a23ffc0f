"""Ctrl-C that lets a step end."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

from latentmim import _latentmim as _native

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HeldInterrupts", "Interrupts"]


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


class HeldInterrupts:
    """While entered, Ctrl-C raises KeyboardInterrupt as usual, but not in the middle of an exchange with other ranks,
    which must be there on all: it comes right behind. What handles Ctrl-C in another way does so still.

    Examples:
        >>> from latentmim.interrupts import HeldInterrupts
        >>> with HeldInterrupts() as held, held.back():
        ...     pass

    """

    def __enter__(self) -> HeldInterrupts:
        is_main = threading.current_thread() is threading.main_thread()
        self._is_ours = is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._is_ours:
            signal.signal(signal.SIGINT, self._raise)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextlib.contextmanager
    def back(self) -> Iterator[None]:
        """While entered, it waits."""
        _native.hold_interrupts(True)
        try:
            yield
        finally:
            _native.hold_interrupts(False)

    def _raise(self, *_: object) -> None:
        if not _native.holds_interrupt():
            raise KeyboardInterrupt
