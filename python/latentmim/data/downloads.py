"""Files from the network: into a cache, whole and with the right checksum or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latentmim.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Download", "cache_folder", "fetch"]

PIECE = 1 << 20
# Seconds without a byte after which a server is given up.
PATIENCE = 60


@dataclass(frozen=True)
class Download:
    """A file to be had.

    Attributes:
        url: where.
        md5: its checksum, in hexadecimal.
        name: what it is called in the cache; the last part of `url` if not given.

    Examples:
        >>> from latentmim.data.downloads import Download
        >>> Download("https://example.org/photos.tar.gz", md5="0" * 32).file
        'photos.tar.gz'

    """

    url: str
    md5: str
    name: str = ""

    @property
    def file(self) -> str:
        """Its name in the cache."""
        return self.name or self.url.rsplit("/", 1)[-1]


def cache_folder() -> str:
    """`$XDG_CACHE_HOME/latentmim`, by default `~/.cache/latentmim`.

    Examples:
        >>> from latentmim.data.downloads import cache_folder
        >>> cache_folder().endswith("latentmim")
        True

    """
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "latentmim")


def fetch(download: Download, folder: str, *, progress: bool = True) -> str:
    """The path of a file in the cache, downloaded unless it is there. What was broken off is gone on with.

    Raises:
        OSError: it cannot be had or written; the message says where to put it by hand.
        ValueError: what came has another checksum.

    """
    import http.client
    import urllib.error

    path = os.path.join(folder, download.file)
    if os.path.exists(path):
        return path
    os.makedirs(folder, exist_ok=True)
    with open(path + ".part", "ab") as file, _locked(file, path):
        if os.path.exists(path):  # another process was faster
            return path
        try:
            _receive(download.url, file, download.file, progress)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            advice = f"with a network, call again; or put the file there by hand as '{path}'"
            raise ConnectionError(f"cannot download {download.url}: {reason}; {advice}") from error
        file.flush()
        os.fsync(file.fileno())
        found = _md5(file.name)
        if found != download.md5:
            os.unlink(file.name)
            raise ValueError(f"{download.url}: what came has the MD5 {found}, wanted {download.md5}; it is deleted")
        os.replace(file.name, path)
    return path


@contextlib.contextmanager
def _locked(file: Any, path: str) -> Iterator[None]:
    """Two processes do not write the same file: the second waits, and finds it there."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if os.path.exists(path) and os.path.exists(file.name):
            # Made anew by one that opened it before the renaming.
            with contextlib.suppress(OSError):
                os.unlink(file.name)


def _receive(url: str, file: Any, name: str, progress: bool) -> None:
    """Append what is missing of a file."""
    import urllib.error
    import urllib.request

    have = os.fstat(file.fileno()).st_size
    request = urllib.request.Request(url, headers={"User-Agent": "latentmim"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is missing, or what is there is another file's: the checksum tells
            return
        raise
    with answer:
        if have and getattr(answer, "status", None) != 206:
            file.truncate(0)  # the server begins anew
            have = 0
        length = int(answer.headers.get("Content-Length") or 0)
        total = have + length if length else None
        with bar(total, name, "B", initial=have, is_shown=progress, unit_scale=True) as shown:
            while piece := answer.read(PIECE):
                file.write(piece)
                shown.update(len(piece))
                have += len(piece)
        file.flush()
        if total is not None and have < total:
            raise ConnectionError(f"it ended after {have} of {total} bytes")


def _md5(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
