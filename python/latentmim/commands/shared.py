"""Options that several commands have."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, get_args

from latentmim import _arrays
from latentmim.config import Precision
from latentmim.data import as_dataset
from latentmim.distributed import Ranks
from latentmim.loading import load_encoder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from latentmim.data import Dataset
    from latentmim.encoder import Encoder

__all__ = [
    "add_encoder_options",
    "add_precision",
    "add_settings",
    "add_skipping",
    "encoder_options",
    "images_of",
    "one_error",
    "read_encoder",
    "settings",
    "sides",
    "write",
]


def add_encoder_options(parser: argparse.ArgumentParser) -> None:
    """What weights of other projects do not tell of their encoder.

    Examples:
        >>> import argparse
        >>> from latentmim.commands.shared import add_encoder_options
        >>> add_encoder_options(parser := argparse.ArgumentParser())
        >>> parser.parse_args(["--heads", "3"]).heads
        3

    """
    group = parser.add_argument_group("how weights are read", "for weights that do not tell it themselves")
    group.add_argument("--heads", type=int, help="attention heads")
    group.add_argument("--mean", type=float, nargs="+", help="what is subtracted from pixels in 0 … 1, by channel")
    group.add_argument("--std", type=float, nargs="+", help="what they are divided by then")
    group.add_argument("--prefix", help="what stands before the names of the encoder's weights")
    group.add_argument("--family", help="whose names they are, e.g. dinov2 (docs/encoders.md)")


def read_encoder(path: str, chosen: argparse.Namespace) -> Encoder:
    """The encoder of a file, read as the options of `add_encoder_options` say.

    Examples:
        >>> import argparse
        >>> from latentmim.commands.shared import add_encoder_options, read_encoder
        >>> parser = argparse.ArgumentParser()
        >>> add_encoder_options(parser)
        >>> read_encoder("encoder.safetensors", parser.parse_args([]))
        Encoder(48 wide, 2 deep, 3 heads; patches of 16×16×3, trained on 4×4)

    """
    return load_encoder(path, **encoder_options(chosen))


def encoder_options(chosen: argparse.Namespace) -> dict[str, Any]:
    """Those of `add_encoder_options` that were given, as `load_encoder` takes them."""
    options = {name: getattr(chosen, name) for name in ("heads", "mean", "std", "prefix", "family")}
    return {name: value for name, value in options.items() if value is not None}


def add_skipping(parser: argparse.ArgumentParser) -> None:
    """What to do about files that cannot be read.

    Examples:
        >>> import argparse
        >>> from latentmim.commands.shared import add_skipping
        >>> add_skipping(parser := argparse.ArgumentParser())
        >>> parser.parse_args([])
        Namespace(skip_unreadable=False)

    """
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out files that cannot be read")


def images_of(path: str, channels: int, chosen: argparse.Namespace) -> Dataset:
    """The images of a folder or a packed file; what cannot be read is skipped where `add_skipping`'s option says so.

    Examples:
        >>> import argparse
        >>> from latentmim.commands.shared import images_of
        >>> images_of("photos", 3, argparse.Namespace(skip_unreadable=True))
        ImageFolder('photos': 28 images, 14 classes)

    """
    return as_dataset(path, channels, "skip" if chosen.skip_unreadable else "raise")


def add_precision(parser: argparse.ArgumentParser) -> None:
    """What the operands of products are rounded to.

    Examples:
        >>> import argparse
        >>> from latentmim.commands.shared import add_precision
        >>> parser = argparse.ArgumentParser()
        >>> add_precision(parser)
        >>> parser.parse_args(["--precision", "float32"])
        Namespace(precision='float32')

    """
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        help="of products (bf16 needs AVX512-BF16, int8 AVX2)",
    )


def add_settings(parser: argparse.ArgumentParser, example: str) -> None:
    """Any other option, by name.

    Examples:
        >>> import argparse
        >>> from latentmim.commands.shared import add_settings, settings
        >>> parser = argparse.ArgumentParser()
        >>> add_settings(parser, "depth=4")
        >>> settings(parser.parse_args(["--set", "depth=4", "--set", "objective=mse"]))
        {'depth': 4, 'objective': 'mse'}

    """
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"any other option: {example} (repeatable)",
    )


def settings(chosen: argparse.Namespace) -> dict[str, Any]:
    """The options of `add_settings`: values are JSON, or text.

    Raises:
        ValueError: one has no "=".

    Examples:
        >>> import argparse
        >>> from latentmim.commands.shared import settings
        >>> settings(argparse.Namespace(set=["grid=[6, 5]"]))
        {'grid': [6, 5]}

    """
    return dict(map(_setting, chosen.set))


@contextlib.contextmanager
def one_error(ranks: Ranks) -> Iterator[None]:
    """What all ranks raise inside for the same reason, rank 0 alone tells.

    Raises:
        SystemExit: of status 1, on the others.

    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        if not ranks.is_root:
            raise SystemExit(1) from None
        raise


def sides(size: list[int] | None) -> int | tuple[int, int] | None:
    """One number, or height and width.

    Raises:
        ValueError: there are more.

    Examples:
        >>> from latentmim.commands.shared import sides
        >>> sides([224]), sides([224, 160]), sides(None)
        (224, (224, 160), None)

    """
    if size is not None and len(size) > 2:
        raise ValueError(f"--size: has {len(size)} numbers, wanted HEIGHT WIDTH or one for both")
    return None if size is None else size[0] if len(size) == 1 else (size[0], size[1])


def write(found: Any, path: str | None) -> None:
    """Print a result, and write everything in it to a file, as JSON, where there is a path.

    Raises:
        OSError: the file cannot be written.

    """
    print(found)
    if path:
        with open(_arrays.path(path), "w", encoding="utf-8") as file:
            json.dump(found.to_dict(), file)


def _setting(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"--set {text}: wanted NAME=VALUE")
    try:
        return name.replace("-", "_"), json.loads(value)
    except ValueError:
        return name.replace("-", "_"), value
