"""`latentmim segment`: images divided into segments, drawn and as files of labels."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, get_args

from latentmim import _arrays, plot
from latentmim.commands.shared import add_encoder_options, add_precision, read_encoder, sides
from latentmim.data import write_labels
from latentmim.data.images import load_levels
from latentmim.segmentation import Linkage, segment

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from latentmim.segmentation import Segments

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim segment encoder.safetensors photo.png                     photo-segments.png, photo-labels.png
  latentmim segment dinov2_vits14.pth photo.png --segments 4 --refine --out parts/
  latentmim segment dinov2_vits14.pth a.jpg b.jpg c.jpg --joint       a label means the same in all
  latentmim segment encoder.safetensors photo.png --depths 2 4 8 16   one picture at several depths

photo-labels.png holds the number of each pixel's segment, as a palette file that any viewer shows in colours."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import segment
        >>> parser = argparse.ArgumentParser("latentmim segment")
        >>> segment.add_options(parser)
        >>> parser.parse_args(["encoder.safetensors", "photo.jpg"]).segments
        6

    """
    parser.add_argument("weights", help="encoder.safetensors, a checkpoint, a run's folder, or another project's file")
    parser.add_argument("images", nargs="+", metavar="image", help="image files")
    parser.add_argument("--out", metavar="FOLDER", default="", help="where pictures and labels go (default: here)")
    parser.add_argument("--segments", type=int, default=6, help="how many (default: %(default)s)")
    parser.add_argument("--joint", action="store_true", help="cluster all images together")
    parser.add_argument(
        "--depths", type=int, nargs="+", metavar="SEGMENTS", help="draw cuts of the tree at these depths"
    )
    parser.add_argument("--linkage", choices=get_args(Linkage), default="ward", help="(default: ward)")
    parser.add_argument("--connectivity", action="store_true", help="segments hang together")
    parser.add_argument("--refine", action="store_true", help="bring borders to the image's edges")
    parser.add_argument("--layer", type=int, help="block behind which features are taken (default: the last)")
    parser.add_argument(
        "--size", type=int, nargs="+", metavar="PIXELS",
        help="compute at this HEIGHT WIDTH, or square (default: 48 patches on the short side)",
    )  # fmt: skip
    add_precision(parser)
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Segment as the command line says: prints what is written.

    Examples:
        >>> from latentmim import cli
        >>> cli.main(["segment", "encoder.safetensors", photos.paths[1], "--segments", "3", "--out", "segments"])
        segments/10eeaa3cf664-segments.png
        segments/10eeaa3cf664-labels.png
        0

    """
    encoder = read_encoder(chosen.weights, chosen)
    names = _names(chosen.images)
    folder = _arrays.path(chosen.out)
    if folder:
        os.makedirs(folder, exist_ok=True)
    options: Any = {
        "linkage": chosen.linkage, "connectivity": chosen.connectivity, "size": sides(chosen.size) or "auto",
        "refine": chosen.refine, "layer": chosen.layer, "precision": chosen.precision or "float32",
    }  # fmt: skip
    pictures = (load_levels(path, channels=encoder.config.channels) for path in chosen.images)
    if chosen.joint:
        together = list(pictures)
        for name, picture, found in zip(
            names, together, segment(encoder, together, chosen.segments, **options), strict=True
        ):
            _write(os.path.join(folder, name), picture, found, chosen.depths)
        return
    for name, picture in zip(names, pictures, strict=True):
        found = segment(encoder, picture, chosen.segments, **options)
        _write(os.path.join(folder, name), picture, found, chosen.depths)


def _names(images: list[str]) -> list[str]:
    """What is written for each image begins with its name. Raises ValueError where two have the same."""
    names = [os.path.splitext(os.path.basename(_arrays.path(path)))[0] for path in images]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(
            f"two images are called {_arrays.shown(twice[0])}: what is written of one would replace the other"
        )
    return names


def _write(path: str, picture: NDArray[Any], segments: Segments, depths: list[int] | None) -> None:
    axes = plot.depths(picture, segments, depths) if depths else plot.segments(picture, segments)
    axes.figure.savefig(f"{path}-segments.png", dpi=150)
    print(f"{path}-segments.png")
    write_labels(f"{path}-labels.png", segments.labels)
    print(f"{path}-labels.png")
