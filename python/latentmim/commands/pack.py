"""`latentmim pack`: a folder of images in one file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from latentmim.commands.shared import add_skipping
from latentmim.data import pack

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim pack photos/ photos.safetensors --size 256                one file that trains the same"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import pack
        >>> parser = argparse.ArgumentParser("latentmim pack")
        >>> pack.add_options(parser)
        >>> parser.parse_args(["photos", "photos.safetensors"]).out
        'photos.safetensors'

    """
    parser.add_argument("folder", help="of images, or a packed file")
    parser.add_argument("out", help="the file to write; run again to go on")
    parser.add_argument(
        "--size", type=int, help="bring longer short sides to so many pixels (default: files as they are)"
    )
    parser.add_argument("--channels", type=int, default=3, help="of the images (default: 3)")
    add_skipping(parser)
    parser.add_argument("--restart", action="store_true", help="start over; a file that is there is replaced")


def run(chosen: argparse.Namespace) -> None:
    """Pack as the command line says: prints what was made.

    Examples:
        >>> from latentmim import cli
        >>> cli.main(["pack", "photos", "photos.safetensors"])
        photos.safetensors: 28 images, 0.5 MB
        0

    """
    try:
        report = pack(
            chosen.folder, chosen.out, size=chosen.size, channels=chosen.channels,
            on_error="skip" if chosen.skip_unreadable else "raise", restart=chosen.restart,
        )  # fmt: skip
    except (ValueError, FileExistsError) as error:
        # What Python's users write, as it is called here.
        raise ValueError(str(error).replace("restart=True", "--restart").replace("size=", "--size")) from None
    for path, reason in report.skipped:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    print(f"{report.path}: {report.images} images, {report.bytes / 1e6:.1f} MB")
