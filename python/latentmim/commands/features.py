"""`latentmim features`: vectors of images, or a map of each, in a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, get_args

from latentmim import _arrays
from latentmim.commands.shared import add_encoder_options, add_precision, read_encoder, sides
from latentmim.data import as_dataset
from latentmim.dense import save_features
from latentmim.encoder import Part, Pooling
from latentmim.evaluate import features

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim features encoder.safetensors photos/                      photos.npy, a vector for each image
  latentmim features dinov2_vits14.pth photos/ --pooling cls          the class token's
  latentmim features encoder.safetensors photos/ --maps --short-side 480 --out maps.npz
                                                                      a map [rows, columns, C] for each image
  latentmim features encoder.safetensors photo.jpg --maps --layer -1 -3 --part keys --stride 8"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument("weights", help="encoder.safetensors, a checkpoint, a run's folder, or another project's file")
    parser.add_argument("images", help="a folder of images, a packed file, or one image")
    parser.add_argument("--out", metavar="FILE", help="what is written: .npy, or with --maps .npz or a folder, too "
                        "(default: the name of the images with .npy, with --maps .npz)")  # fmt: skip
    parser.add_argument("--maps", action="store_true", help="a map of each image's patches in place of a vector")
    parser.add_argument("--pooling", choices=get_args(Pooling), help="how patches become a vector (default: mean)")
    parser.add_argument("--layer", type=int, nargs="+", help="behind which block, or several; -1 is the last (default)")
    parser.add_argument("--part", choices=get_args(Part), help="what is taken there (default: tokens)")
    parser.add_argument("--no-norm", action="store_true", help="without the final norm")
    parser.add_argument("--stride", type=int, metavar="PIXELS", help="from a patch to the next: denser maps")
    parser.add_argument(
        "--size", type=int, nargs="+", metavar="PIXELS", help="HEIGHT WIDTH that is computed at, or one"
    )
    parser.add_argument("--short-side", type=int, metavar="PIXELS", help="the shorter side is brought to")
    add_precision(parser)
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Compute features as the command line says. Prints what was written."""
    images = _arrays.path(chosen.images)
    ending = ".npz" if chosen.maps else ".npy"
    out = _arrays.path(chosen.out or os.path.splitext(os.path.basename(os.path.abspath(images)))[0] + ending)
    if not chosen.maps and not out.endswith(".npy"):
        raise ValueError(f"--out {_arrays.shown(out)}: vectors are written as .npy")
    if chosen.maps and chosen.pooling:
        raise ValueError("--pooling: makes one vector of an image, --maps keeps its patches; wanted one of the two")
    encoder = read_encoder(chosen.weights, chosen)
    options = _options(chosen)
    size = sides(chosen.size)
    if chosen.maps:
        written = save_features(
            encoder, images, out, short_side=chosen.short_side, resize="nearest" if size is None else size, **options
        )
        print(f"{out}: {len(written)} maps" if os.path.isfile(out) and out.endswith(".npz") else "\n".join(written))
        return
    source = as_dataset(images, encoder.config.channels) if os.path.isdir(images) else images
    found = features(
        encoder, source, size=size, short_side=chosen.short_side, pooling=chosen.pooling or "mean", out=out,
        progress=True, **options,
    )  # fmt: skip
    print(f"{out}: {' × '.join(map(str, found.shape))} float32")


def _options(chosen: argparse.Namespace) -> dict[str, Any]:
    """Where features are taken."""
    layer = chosen.layer
    given = {"layer": layer[0] if layer and len(layer) == 1 else layer, "part": chosen.part, "stride": chosen.stride,
             "precision": chosen.precision, "norm": False if chosen.no_norm else None}  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}
