"""`latentmim export`: an encoder as a folder that other libraries read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, get_args

from latentmim import _arrays
from latentmim.commands.shared import add_encoder_options, read_encoder
from latentmim.export import Format

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim export runs/first vit-photos                              for timm and transformers, README.md of the run
  latentmim export encoder.safetensors vit-photos --run runs/first
  latentmim export dinov2_vits14.pth dinov2-onnx --format onnx        for ONNX Runtime and OpenVINO"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import export
        >>> parser = argparse.ArgumentParser("latentmim export")
        >>> export.add_options(parser)
        >>> parser.parse_args(["encoder.safetensors", "folder"]).format
        'timm'

    """
    parser.add_argument("weights", help="encoder.safetensors, a checkpoint, a run's folder, or another project's file")
    parser.add_argument("folder", help="what is written: a new or an empty folder")
    parser.add_argument("--format", choices=get_args(Format), default="timm", help="of whom (default: timm)")
    parser.add_argument("--run", metavar="FOLDER", help="of the run that trained it: README.md tells its data and "
                        "scores (default: the weights, where they are the folder of a run)")  # fmt: skip
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Export an encoder as the command line says. Prints what was written."""
    weights = _arrays.path(chosen.weights)
    encoder = read_encoder(weights, chosen)
    is_run = os.path.isfile(os.path.join(weights, "metrics.jsonl"))
    for path in encoder.export(chosen.folder, format=chosen.format, run=chosen.run or (weights if is_run else None)):
        print(f"{_arrays.shown(path)}: {os.path.getsize(path):,} bytes")
