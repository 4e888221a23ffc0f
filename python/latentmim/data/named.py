"""Published data sets by their names: `load`."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.data.datasets import Arrays, Dataset
from latentmim.data.downloads import Download, cache_folder, fetch
from latentmim.data.files import ImageFolder
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Callable

    from numpy.typing import NDArray

    from latentmim._arrays import PathLike

__all__ = ["NAMED", "load"]


@dataclass(frozen=True)
class _Named:
    """A data set: its files for each split, and how they are read."""

    files: dict[str, tuple[Download, ...]]
    read: Callable[[list[str], str, str], Dataset]
    # Where a system's package has the same files.
    package: str = ""


def load(name: str, split: str = "train", root: PathLike | None = None, *, progress: bool = True) -> Dataset:
    """A published data set with its labels, downloaded once.

    Args:
        name: "cifar10", "cifar100", "stl10", "svhn", "fashion_mnist", "imagenette" (its 320 pixel version) or
            "eurosat" (RGB).
        split: "train" or "test"; of "stl10" also "unlabeled", of "svhn" also "extra". "eurosat" has "train" alone,
            which is all of it; imagenette's "test" is what its authors call val.
        root: the cache; `~/.cache/latentmim` if not given. Files that lie there under their published names are taken.
        progress: whether a progress bar is shown.

    Returns:
        `Arrays` in memory for images of one small size, else an `ImageFolder`.

    Raises:
        OSError: it cannot be downloaded or written.
        ImportError: "svhn" needs SciPy.
        ValueError: there is no such data set or split, a checksum is wrong, or a file in the cache is damaged.

    Examples:
        >>> fashion = lm.data.load("fashion_mnist", "test")  # doctest: +SKIP
        >>> lm.data.load("cifar")
        Traceback (most recent call last):
            ...
        ValueError: load: unknown option 'cifar'; did you mean 'cifar10' or 'cifar100'?

    """
    import gzip
    import tarfile
    import zipfile

    if name not in NAMED:
        refuse_unknown("load", [name], NAMED)
    known = NAMED[name]
    if split not in known.files:
        raise ValueError(f"split: is '{split}', wanted one of {', '.join(map(repr, known.files))} for '{name}'")
    folder = os.path.join(cache_folder() if root is None else _arrays.path(root), name)
    if root is None and known.package and os.path.isdir(known.package):
        folder = known.package
    paths = [fetch(download, folder, progress=progress) for download in known.files[split]]
    try:
        return known.read(paths, split, folder)
    except (EOFError, KeyError, tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{', '.join(paths)}: cannot be read, {error}; delete it and call again") from error


def _images(pixels: NDArray[Any], labels: NDArray[Any] | None, classes: list[str]) -> Arrays:
    numbers = None if labels is None else labels.astype(np.int64)
    return Arrays(np.ascontiguousarray(pixels), numbers, classes=classes)


def _records(content: bytes, length: int, place: str) -> NDArray[np.uint8]:
    """[N, length] bytes. Raises ValueError where they are no whole number of records."""
    if not content or len(content) % length:
        raise ValueError(f"{place}: has {len(content)} bytes, wanted a multiple of {length}; delete it and call again")
    return np.frombuffer(content, np.uint8).reshape(-1, length)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(f"'{name}' is no file")
    return file.read()


def _cifar(batches: dict[str, list[str]], names: str, label_bytes: int) -> Callable[[list[str], str, str], Dataset]:
    """Records of label bytes, the last of which counts, and three planes of 32×32."""

    def read(paths: list[str], split: str, folder: str) -> Dataset:
        import tarfile

        with tarfile.open(paths[0], "r:gz") as archive:
            content = b"".join(_member(archive, name) for name in batches[split])
            classes = _member(archive, names).decode().split()
        records = _records(content, label_bytes + 3072, paths[0])
        pixels = records[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return _images(pixels, records[:, label_bytes - 1], classes)

    return read


def _stl10(paths: list[str], split: str, folder: str) -> Dataset:
    """Three planes of 96×96, column by column; labels from 1."""
    import tarfile

    with tarfile.open(paths[0], "r:gz") as archive:
        content = _member(archive, f"stl10_binary/{split}_X.bin")
        classes = _member(archive, "stl10_binary/class_names.txt").decode().split()
        labels = None
        if split != "unlabeled":
            labels = np.frombuffer(_member(archive, f"stl10_binary/{split}_y.bin"), np.uint8) - 1
    records = _records(content, 3 * 96 * 96, paths[0])
    return _images(records.reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1), labels, classes)


def _svhn(paths: list[str], split: str, folder: str) -> Dataset:
    """MATLAB's X [32, 32, 3, N] and y, where 10 stands for the digit 0."""
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError:
        raise ImportError(f"{paths[0]}: is a MATLAB file, which SciPy reads: pip install scipy") from None
    try:
        found = loadmat(paths[0])
    except (MatReadError, TypeError, ValueError) as error:
        raise ValueError(f"{paths[0]}: cannot be read, {error}; delete it and call again") from None
    return _images(found["X"].transpose(3, 0, 1, 2), found["y"].reshape(-1) % 10, [str(digit) for digit in range(10)])


def _fashion_mnist(paths: list[str], split: str, folder: str) -> Dataset:
    """IDX files compressed by gzip: 28×28 grey."""
    pixels, labels = (_idx(path) for path in paths)
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
    return _images(pixels[..., np.newaxis], labels, classes)


def _idx(path: str) -> NDArray[np.uint8]:
    import gzip

    with gzip.open(path) as file:
        content = file.read()
    dimensions = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    start = 4 + 4 * dimensions
    shape = np.frombuffer(content[4:start], ">u4").astype(np.int64).tolist()
    if dimensions not in (1, 3) or len(content) - start != int(np.prod(shape)):
        raise ValueError(f"{path}: is no IDX file of bytes; delete it and call again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _unpacked(archive: str, folder: str, name: str) -> str:
    """The folder `name` of an archive, unpacked beside it: whole, or not at all."""
    import tempfile
    import zipfile

    target = os.path.join(folder, name)
    if not os.path.isdir(target):
        with tempfile.TemporaryDirectory(dir=folder) as partial:
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as zipped:
                    zipped.extractall(partial)
            else:
                _untar(archive, partial)
            if not os.path.isdir(os.path.join(partial, name)):
                raise KeyError(f"it holds no folder '{name}'")
            try:
                os.rename(os.path.join(partial, name), target)
            except OSError:
                if not os.path.isdir(target):  # else another process was faster
                    raise
    return target


def _untar(archive: str, folder: str) -> None:
    """Write the files of an archive below a folder, and nothing anywhere else.

    Not by `extractall(filter="data")`, which CPython has from 3.11.4 on: Debian 12's is 3.11.2.
    """
    import shutil
    import tarfile

    folder = os.path.realpath(folder)
    with tarfile.open(archive, "r:gz") as tarred:
        for member in tarred:
            place = os.path.normpath(os.path.join(folder, member.name))
            content = tarred.extractfile(member) if member.isfile() else None
            if os.path.commonpath([folder, place]) != folder or not (content or member.isdir()):
                raise tarfile.TarError(f"it holds '{member.name}', which is no file or folder below its own")
            os.makedirs(os.path.dirname(place) if content else place, exist_ok=True)
            if content:
                with open(place, "wb") as file:
                    shutil.copyfileobj(content, file)


def _imagenette(paths: list[str], split: str, folder: str) -> Dataset:
    place = _unpacked(paths[0], folder, "imagenette2-320")
    return ImageFolder(os.path.join(place, "val" if split == "test" else "train"))


def _eurosat(paths: list[str], split: str, folder: str) -> Dataset:
    return ImageFolder(_unpacked(paths[0], folder, "2750"))


def _same(download: Download, *splits: str) -> dict[str, tuple[Download, ...]]:
    return dict.fromkeys(splits, (download,))


# Addresses and MD5 sums: those of CIFAR's binary versions from https://www.cs.toronto.edu/~kriz/cifar.html (no pickles
# to trust), the others from torchvision 0.20.1 (torchvision/datasets/{stl10,svhn,mnist,imagenette,eurosat}.py).
_CIFAR = "https://www.cs.toronto.edu/~kriz/"
_SVHN = "http://ufldl.stanford.edu/housenumbers/"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_FASTAI = "https://s3.amazonaws.com/fast-ai-imageclas/"
_EUROSAT = "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/"
NAMED: dict[str, _Named] = {
    "cifar10": _Named(
        _same(Download(_CIFAR + "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"), "train", "test"),
        _cifar(
            {
                "train": [f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)],
                "test": ["cifar-10-batches-bin/test_batch.bin"],
            },
            "cifar-10-batches-bin/batches.meta.txt",
            label_bytes=1,
        ),
    ),
    "cifar100": _Named(
        _same(Download(_CIFAR + "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"), "train", "test"),
        _cifar(
            {split: [f"cifar-100-binary/{split}.bin"] for split in ("train", "test")},
            "cifar-100-binary/fine_label_names.txt",
            label_bytes=2,
        ),
    ),
    "stl10": _Named(
        _same(
            Download("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz", "91f7769df0f17e558f3565bffb0c7dfb"),
            "train", "test", "unlabeled",
        ),
        _stl10,
    ),
    "svhn": _Named(
        {
            "train": (Download(_SVHN + "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),),
            "test": (Download(_SVHN + "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),),
            "extra": (Download(_SVHN + "extra_32x32.mat", "a93ce644f1a588dc4d68dda5feec44a7"),),
        },
        _svhn,
    ),
    "fashion_mnist": _Named(
        {
            "train": (
                Download(_FASHION + "train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                Download(_FASHION + "train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
            ),
            "test": (
                Download(_FASHION + "t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
                Download(_FASHION + "t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
            ),
        },
        _fashion_mnist,
        package="/usr/share/datasets/fashion-mnist",  # Debian's dataset-fashion-mnist
    ),
    "imagenette": _Named(
        _same(
            Download(_FASTAI + "imagenette2-320.tgz", "3df6f0d01a2c9592104656642f5e78a3"),
            "train", "test",
        ),
        _imagenette,
    ),
    "eurosat": _Named(_same(Download(_EUROSAT + "EuroSAT.zip", "c8fa014336c82ac7804f0398fcb19387"), "train"), _eurosat),
}  # fmt: skip
