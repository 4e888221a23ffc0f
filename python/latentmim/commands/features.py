"""`latentmim features`: vectors of images, their tokens, or a map of each, in a file."""

from __future__ import annotations

import argparse
import os
from typing import Any, get_args

from latentmim import _arrays
from latentmim.commands.shared import add_encoder_options, add_precision, read_encoder, sides
from latentmim.data import Dataset, as_dataset
from latentmim.data.opening import is_packed
from latentmim.dense import save_features
from latentmim.distributed import Ranks, world
from latentmim.embedding import embed
from latentmim.encoder import Part
from latentmim.evaluate.features import VectorPooling

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim features encoder.safetensors photos/                      photos.npz: a vector, path and label each
  latentmim features dinov2_vits14.pth photos/ --pooling cls --norm --out photos.parquet
  latentmim features encoder.safetensors photos/ --pooling tokens     all patches of images brought to one size
  latentmim features encoder.safetensors photos/ --maps --short-side 480 --out maps/
                                                                      a map [rows, columns, C] for each image
  latentmim features encoder.safetensors photo.jpg --maps --layer -1 -3 --part keys --stride 8

What ends in .csv, .parquet, .npz or .npy is a table; stopped by anything, the same command goes on. Maps go to .npz,
to .npy where they have one size, or to a folder."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import features
        >>> parser = argparse.ArgumentParser("latentmim features")
        >>> features.add_options(parser)
        >>> parser.parse_args(["encoder.safetensors", "photos", "--out", "photos.csv"]).out
        'photos.csv'

    """
    parser.add_argument("weights", help="encoder.safetensors, a checkpoint, a run's folder, or another project's file")
    parser.add_argument("images", help="a folder of images, a packed file, or one image")
    parser.add_argument("--out", metavar="FILE", help="what is written, by its ending: .csv, .parquet, .npz or .npy, "
                        "with --maps .npz, .npy or a folder (default: the name of the images with .npz)")  # fmt: skip
    parser.add_argument("--maps", action="store_true", help="a map of each image's patches, each image at its own size")
    parser.add_argument("--pooling", choices=get_args(VectorPooling),
                        help="how patches become a vector, or that they stay (default: mean)")  # fmt: skip
    parser.add_argument("--layer", type=int, nargs="+", help="behind which block, or several; -1 is the last (default)")
    parser.add_argument("--part", choices=get_args(Part), help="what is taken there (default: tokens)")
    parser.add_argument("--norm", action=argparse.BooleanOptionalAction,
                        help="with the final norm (default: of maps, not of vectors)")  # fmt: skip
    parser.add_argument("--stride", type=int, metavar="PIXELS", help="from a patch to the next: denser maps")
    parser.add_argument(
        "--size", type=int, nargs="+", metavar="PIXELS", help="HEIGHT WIDTH that is computed at, or one"
    )
    parser.add_argument("--short-side", type=int, metavar="PIXELS", help="the shorter side is brought to")
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="rows of NaN, or no maps, of files that cannot be read"
    )
    parser.add_argument("--restart", action="store_true", help="throw away what an unfinished command left")
    add_precision(parser)
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Compute features as the command line says. Prints what was written.

    Examples:
        >>> from latentmim import cli
        >>> cli.main(["features", "encoder.safetensors", "photos", "--out", "photos.csv"])
        photos.csv: 28 × 48 float32
        0

    """
    images = _arrays.path(chosen.images)
    out = _arrays.path(chosen.out or os.path.splitext(os.path.basename(os.path.abspath(images)))[0] + ".npz")
    if chosen.maps and chosen.pooling:
        raise ValueError("--pooling: makes one vector of an image, --maps keeps its patches; wanted one of the two")
    if chosen.maps and chosen.restart:
        raise ValueError("--restart: maps are begun anew each time; wanted without --maps")
    comm = world()
    if chosen.maps and comm is not None:
        raise ValueError("--maps: is for one process, and a launcher of MPI started several")
    encoder = read_encoder(chosen.weights, chosen)
    options, size = _options(chosen), sides(chosen.size)
    source: Dataset | str = images
    if chosen.skip_unreadable and (os.path.isdir(images) or is_packed(images)):
        source = as_dataset(images, encoder.config.channels, "skip")
    if chosen.maps:
        written = save_features(
            encoder, source, out, short_side=chosen.short_side, resize="nearest" if size is None else size, **options
        )
        print(f"{out}: {len(written)} maps" if os.path.isfile(out) and out.endswith(".npz") else "\n".join(written))
        return
    given = {"size": size, "short_side": chosen.short_side, "pooling": chosen.pooling}
    options |= {name: value for name, value in given.items() if value is not None}
    found = embed(encoder, source, out, restart=chosen.restart, comm=comm, **options)
    if Ranks(comm).is_root:
        print(f"{out}: {' × '.join(map(str, found.shape))} float32")


def _options(chosen: argparse.Namespace) -> dict[str, Any]:
    """Where features are taken."""
    layer = chosen.layer
    given = {"layer": layer[0] if layer and len(layer) == 1 else layer, "part": chosen.part, "stride": chosen.stride,
             "precision": chosen.precision, "norm": chosen.norm}  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}
