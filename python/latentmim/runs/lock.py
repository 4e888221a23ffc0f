"""One writer for a run's folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os

__all__ = ["RunLock"]

# Descriptors of the locks that this process holds.
_held: set[int] = set()


class RunLock:
    """While entered, keeps every other trainer, of this process or another, out of a folder.

    It is an advisory lock of the system (`flock`) on the file `.lock`, and ends with its process, however that ends;
    on network file systems it holds between machines where the server keeps locks. Where a file system has none,
    nothing is kept out.

    Examples:
        >>> from latentmim.runs import RunLock
        >>> with RunLock("run"):
        ...     pass

    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, ".lock")
        self._descriptor = -1

    def __enter__(self) -> RunLock:
        """Take the lock, making the folder if need be. Raises BlockingIOError where somebody holds it."""
        os.makedirs(self._folder, exist_ok=True)
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                self._lock(descriptor)
                # Whoever held it until now has removed the file: the lock must be on the one that is there.
                if self._is_there(descriptor):
                    break
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        self._descriptor = descriptor
        _held.add(descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor in _held:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._path)
            _held.discard(self._descriptor)
            os.close(self._descriptor)
        self._descriptor = -1

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace") or "another process"
            problem = f"another run, of {holder}, writes here; wanted another `out`, or wait until that run ends"
            raise BlockingIOError(errno.EWOULDBLOCK, problem, self._folder) from None
        except OSError:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False


def _let_go_in_child() -> None:
    """A forked child shares its parent's lock, and would hold it when the parent is gone."""
    while _held:
        with contextlib.suppress(OSError):
            os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go_in_child)
