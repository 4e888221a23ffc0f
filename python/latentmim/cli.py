"""The command line: `latentmim pretrain | evaluate | features | segment | track | …`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn

from latentmim import reports, runtime
from latentmim.commands import (
    bench,
    evaluate,
    explore,
    export,
    features,
    inspect,
    pack,
    pretrain,
    reproduce,
    segment,
    track,
)
from latentmim.diagnostics import CollapseError
from latentmim.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["main"]

COMMANDS = {
    "pretrain": (pretrain, "train on a folder of images"),
    "evaluate": (evaluate, "score features on a folder with a sub-folder for each class"),
    "features": (features, "compute features of images and write them to a file"),
    "segment": (segment, "divide an image into segments and draw them"),
    "track": (track, "follow the objects of a mask through a clip"),
    "explore": (explore, "click patches of images in a notebook, and see which are alike"),
    "export": (export, "write an encoder for timm and transformers, or as ONNX"),
    "pack": (pack, "put a folder of images into one file"),
    "reproduce": (reproduce, "the paper's tables again, at a scale that fits the time given"),
    "inspect": (inspect, "what a checkpoint or a run holds"),
    "bench": (bench, "how fast this machine is, and where a step's time goes"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 1 with the error printed, or 130 on Ctrl-C.

    Raises:
        SystemExit: of status 2, for options that are not understood.

    Examples:
        >>> from latentmim import cli
        >>> cli.main(["inspect", "missing.safetensors"])
        1

    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Paths are printed in the bytes that they came in.
        sys.stdout.reconfigure(errors="surrogateescape")
    parser = _parser()
    chosen, left = parser.parse_known_args(arguments)
    if left:
        _refuse(parser, chosen.command, left)
    try:
        if chosen.threads is not None:
            runtime.set_thread_count(chosen.threads)
        with _plain_warnings(chosen.command):
            COMMANDS[chosen.command][0].run(chosen)
    except KeyboardInterrupt as interrupt:
        if str(interrupt):
            print(f"latentmim {chosen.command}: {interrupt}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, FloatingPointError, CollapseError, MemoryError, ImportError) as error:
        print(f"latentmim {chosen.command}: {_told(error, chosen)}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _plain_warnings(command: str) -> Iterator[None]:
    """Warnings as this command's words, without the line of Python that they arose in."""
    earlier = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"latentmim {command}: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = earlier


def _told(error: Exception, chosen: argparse.Namespace) -> str:
    """An error in the command line's words, which has an option of its own against one bad file among many."""
    of_python = "; on_error='skip' goes on without such files"
    text = str(error).removesuffix(of_python)
    if getattr(chosen, "skip_unreadable", True):
        return text
    given = [getattr(chosen, name, None) for name in ("folder", "images", "train")]
    folders = tuple(os.path.join(path, "") for path in given if path is not None and os.path.isdir(path))
    is_one_of_many = text != str(error) or (isinstance(error, OSError) and str(error.filename).startswith(folders))
    return f"{text}; --skip-unreadable goes on without such files" if is_one_of_many else text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="latentmim", description="Latent Masked Image Modeling on CPUs.")
    parser.add_argument("--version", action=_Version, nargs=0, help="version, and what reports of problems need")
    threads = "threads that compute (default: one a core)"
    parser.add_argument("--threads", type=int, help=threads)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (command, purpose) in COMMANDS.items():
        below = commands.add_parser(
            name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=command.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        command.add_options(below)
        # No default: what stands before the command must not be forgotten.
        below.add_argument("--threads", type=int, default=argparse.SUPPRESS, help=threads)
    return parser


class _Version(argparse.Action):
    """Prints what `latentmim.show_config` does, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        reports.show_config()
        parser.exit()


def _refuse(parser: argparse.ArgumentParser, command: str, left: list[str]) -> NoReturn:
    """Name the options that nobody knows, and those that may have been meant."""
    below = argparse.ArgumentParser(add_help=False)
    COMMANDS[command][0].add_options(below)
    known = [text for action in below._actions for text in action.option_strings]
    unknown = [text.split("=")[0] for text in left if text.startswith("--")] or left
    print(f"latentmim {command}: unknown {', '.join(unknown)}{nearest(unknown, known)}", file=sys.stderr)
    parser.exit(2, f"`latentmim {command} --help` lists what there is\n")


if __name__ == "__main__":
    sys.exit(main())
