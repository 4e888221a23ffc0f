"""`latentmim segment`: an image divided into segments, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latentmim import _arrays, plot
from latentmim.commands.shared import add_encoder_options, add_precision, read_encoder, sides
from latentmim.data import load_image
from latentmim.segmentation import segment

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim segment encoder.safetensors photo.png                     segments.png
  latentmim segment dinov2_vits14.pth photo.png --segments 4 --out parts.png"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument("weights")
    parser.add_argument("image", help="an image file")
    parser.add_argument("--out", default="segments.png", help="picture to write (default: segments.png)")
    parser.add_argument("--segments", type=int, default=6)
    parser.add_argument("--linkage", choices=["ward", "average", "complete", "single"], default="ward")
    parser.add_argument("--connectivity", action="store_true", help="segments hang together")
    parser.add_argument("--refine", action="store_true", help="bring borders to the image's edges")
    parser.add_argument(
        "--size", type=int, nargs="+", metavar="PIXELS",
        help="compute at this HEIGHT WIDTH, or square (default: 48 patches on the short side)",
    )  # fmt: skip
    add_precision(parser)
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Segment as the command line says: prints the picture's path."""
    encoder = read_encoder(chosen.weights, chosen)
    image = load_image(chosen.image, channels=encoder.config.channels)
    found = segment(
        encoder, image, chosen.segments, linkage=chosen.linkage,
        connectivity=chosen.connectivity, size=sides(chosen.size) or "auto", refine=chosen.refine,
        precision=chosen.precision or "float32",
    )  # fmt: skip
    plot.segments(image, found).figure.savefig(_arrays.path(chosen.out), dpi=150)
    print(chosen.out)
