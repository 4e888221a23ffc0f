"""`latentmim explore`: a notebook in which patches of images are clicked."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from latentmim import _arrays
from latentmim.commands.shared import add_encoder_options, encoder_options, read_encoder

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim explore dinov2_vits14.pth photo.jpg                       opens photo.ipynb in JupyterLab
  latentmim explore encoder.safetensors photos/ --first 9 --no-launch --out look.ipynb"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import explore
        >>> parser = argparse.ArgumentParser("latentmim explore")
        >>> explore.add_options(parser)
        >>> parser.parse_args(["encoder.safetensors", "photo.jpg"]).first
        6

    """
    parser.add_argument("weights", help="encoder.safetensors, a checkpoint, a run's folder, or another project's file")
    parser.add_argument("images", help="an image, or a folder of images")
    parser.add_argument("--first", type=int, default=6, help="of a folder so many images (default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="notebook to write (default: the name of the images with .ipynb)")
    parser.add_argument("--no-launch", action="store_true", help="write the notebook, do not open it")
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Write the notebook as the command line says and open it; prints its path."""
    if importlib.util.find_spec("anywidget") is None:
        raise ImportError("the widget needs anywidget: pip install 'latentmim[explore]'")
    encoder = read_encoder(chosen.weights, chosen)  # what is wrong with it is said here, not in the notebook
    images = os.path.abspath(_arrays.path(chosen.images))
    if not os.path.exists(images):
        raise FileNotFoundError(2, os.strerror(2), chosen.images)
    out = _arrays.path(chosen.out or os.path.splitext(os.path.basename(images))[0] + ".ipynb")
    with open(out, "x", encoding="utf-8") as file:
        json.dump(_notebook(chosen, images, encoder.config.channels), file, indent=1)
    print(out, flush=True)
    if chosen.no_launch:
        return
    if importlib.util.find_spec("jupyterlab") is None:
        raise ImportError(f"opening {out} needs JupyterLab: pip install jupyterlab; VS Code opens it, too")
    subprocess.run([sys.executable, "-m", "jupyterlab", out], check=True)


def _notebook(chosen: argparse.Namespace, images: str, channels: int) -> dict[str, Any]:
    """One cell that shows the widget."""
    options = "".join(f", {name}={value!r}" for name, value in encoder_options(chosen).items())
    shown = repr(images)
    if os.path.isdir(images):
        shown = f"lm.ImageFolder({images!r}, channels={channels})[:{chosen.first}]"
    weights = os.path.abspath(_arrays.path(chosen.weights))
    lines = [
        "import latentmim as lm\n",
        "\n",
        f"encoder = lm.load_encoder({weights!r}{options})\n",
        f"lm.explore(encoder, {shown})",
    ]
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "explore",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": lines,
    }
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": [cell]}
