"""Maps of features of many images in files, none of them held longer than it takes to write it."""

from __future__ import annotations

import os
from collections.abc import Sized
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from latentmim import _arrays, _files
from latentmim._warnings import warn
from latentmim.data import Dataset
from latentmim.data.each import as_images, each_image, names_below
from latentmim.encoder import MapOptions, Resize, require_encoder
from latentmim.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.encoder import Encoder

__all__ = ["save_features"]


class _Map(NamedTuple):
    """The features of an image; None where it is skipped because it cannot be read."""

    name: str
    path: str
    features: FloatArray | None


def save_features(
    encoder: Encoder,
    images: Dataset | PathLike | Iterable[PathLike] | Iterable[ArrayLike],
    out: PathLike,
    *,
    resize: Resize = "nearest",
    short_side: int | None = None,
    progress: bool = True,
    **options: Unpack[MapOptions],
) -> list[str]:
    """Write the map of features of each image, computed one after the other.

    Args:
        encoder: whose features.
        images: as in `Encoder.each_features`.
        out: what is written, by its ending. ".npz": one file, an array for each image. ".npy": one array of them all,
            [images, rows, columns, C], NaN for an image that is skipped; all must have one size. Any other: a folder of
            .npy files, laid out as the images are; files there that have such a name already are replaced.
        resize: see `Encoder.each_features`.
        short_side: see `Encoder.each_features`.
        progress: whether a bar is shown.
        options: see `Encoder.each_features`.

    Returns:
        The names of the arrays in an .npz file, in the order of the images: paths below the folder of all images,
        without ending, or numbers where images have no path; or the paths of the .npy files. Images that are skipped
        have none.

    Raises:
        ValueError: maps of different sizes for one .npy file, no image that can be read, and as
            `Encoder.each_features`.
        OSError: `out` cannot be written. A file is written whole or not at all.

    Examples:
        >>> lm.save_features(encoder, photos[:2], "maps.npz", short_side=64, progress=False)
        ['08e4d2d4724e', '10eeaa3cf664']

    """
    require_encoder(encoder)
    source = as_images(images, encoder.config.channels)
    names = names_below(source) if isinstance(source, Dataset) else []
    skipped: list[str] = []
    total = len(source) if isinstance(source, Sized) else None

    def maps(shown: Any) -> Iterator[_Map]:
        for number, (path, image) in enumerate(each_image(source, encoder.config.channels)):
            found = None if image is None else encoder._map(path, image, resize, short_side, options)
            if found is None:
                skipped.append(path)
            yield _Map(names[number] if names else f"{number:06}", path, found)
            shown.update()

    place = _arrays.path(out)
    write = {".npz": _write_archive, ".npy": _write_array}.get(os.path.splitext(place)[1].lower(), _write_folder)
    with bar(total, "features", "image", is_shown=progress, leave=False) as shown:
        written = write(place, maps(shown))
    if skipped:
        rest = " and others" if len(skipped) > 3 else ""
        warn(f"features: {len(skipped)} images cannot be read and are left out: {', '.join(skipped[:3])}{rest}")
    return written


def _write_archive(place: str, maps: Iterator[_Map]) -> list[str]:
    import zipfile

    written = []
    with _files.written_whole(place) as file, zipfile.ZipFile(file, "w") as archive:
        for name, _, features in maps:
            if features is None:
                continue
            written.append(_arrays.shown(name))
            # Sizes of 4 GiB and more have a longer header, which has to be known beforehand.
            with archive.open(f"{written[-1]}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, features, allow_pickle=False)
    return written


def _write_array(place: str, maps: Iterator[_Map]) -> list[str]:
    shape, count = None, 0
    with _files.written_whole(place) as file:
        for _, path, features in maps:
            count += 1
            if features is not None and shape is None:
                shape = features.shape
                _files.write_header(file, (0, *shape))
                start = file.tell()
                _fill(file, shape, count - 1)
            if features is None and shape is not None:
                _fill(file, shape, 1)
            if features is None:
                continue
            if features.shape != shape:
                raise ValueError(
                    f"{path}: its map is {list(features.shape)}, those before it {list(shape or ())}: one .npy file "
                    "wants one size, give resize=(height, width); .npz files and folders take any"
                )
            file.write(np.ascontiguousarray(features, "<f4").data)
        if shape is None:
            raise ValueError(f"features: none of {count} images could be read")
        # The header keeps room for the number of images, which may only now be known.
        file.seek(0)
        _files.write_header(file, (count, *shape))
        if file.tell() != start:
            raise RuntimeError(f"{place}: NumPy has left no room for {count} images in the header")
    return [place]


def _fill(file: Any, shape: tuple[int, ...], count: int) -> None:
    """Maps of NaN."""
    for _ in range(count):
        file.write(np.full(shape, np.nan, "<f4").data)


def _write_folder(place: str, maps: Iterator[_Map]) -> list[str]:
    written = []
    for name, _, features in maps:
        if features is None:
            continue
        path = os.path.join(place, f"{name}.npy")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with _files.written_whole(path) as file:
            np.lib.format.write_array(file, features, allow_pickle=False)
        written.append(path)
    return written
