"""`latentmim reproduce`: its options, and what it does with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from latentmim.commands.shared import add_encoder_options, encoder_options, read_encoder
from latentmim.reproduce import data
from latentmim.reproduce.experiments import EXPERIMENTS
from latentmim.reproduce.planning import Request
from latentmim.reproduce.running import Scoring
from latentmim.reproduce.scale import LADDER
from latentmim.reproduce.study import Study

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim reproduce table1 table2 --hours 1
  latentmim reproduce all --data photos/ --out runs/study"""

DEFAULTS = Request()
SCORING = Scoring()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import reproduce
        >>> parser = argparse.ArgumentParser("latentmim reproduce")
        >>> reproduce.add_options(parser)
        >>> parser.parse_args(["table1"]).what
        ['table1']

    """
    parser.add_argument("what", nargs="+", choices=[*EXPERIMENTS, "all"], metavar="WHAT",
                        help=f"{', '.join(EXPERIMENTS)} or all; several share their runs")  # fmt: skip
    parser.add_argument("--data", metavar="PATH", help="folder with train/ and test/ of class folders, folder of class "
                        "folders, folder of IDX files, or .npz (default: the photographs that examples/groceries.py "
                        "fetched)")  # fmt: skip
    parser.add_argument("--images", type=int, help="training images used, spread over the classes (default: all)")
    parser.add_argument("--teacher", metavar="FILE", help="weights of a published encoder, for the rows of table12 "
                        "that learn from one; without, they are left out")  # fmt: skip
    parser.add_argument("--out", default="runs/reproduction", help="folder of the study; run again to go on "
                        "(default: %(default)s)")  # fmt: skip
    parser.add_argument("--hours", type=float, default=DEFAULTS.hours,
                        help="for all; decides encoder, epochs, number of seeds (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", help="exactly these (default: of 1, 2, 3 those that fit)")
    parser.add_argument("--rows", nargs="+", metavar="KEY", help="train only these rows")
    parser.add_argument("--size", choices=[size.name for size in LADDER], help="encoder (default: by the hours)")
    parser.add_argument("--epochs", type=int, help="passes over the data; with the smallest encoder, if no "
                        "--size is given (default: by the hours)")  # fmt: skip
    parser.add_argument("--patch-size", type=int, help="4 for images below 48 pixels, else 8, if not given")
    parser.add_argument("--batch-size", type=int, help=f"(default: {DEFAULTS.batch_size})")
    parser.add_argument("--base-learning-rate", type=float, help=f"(default: {DEFAULTS.base_learning_rate})")
    parser.add_argument("--preset", choices=["official", "paper"], help=f"(default: {DEFAULTS.preset})")
    parser.add_argument("--no-fine-tune", action="store_true", help="leave fine-tuning out")
    parser.add_argument("--fine-tune-images", type=int, default=SCORING.fine_tune_images, help="(default: %(default)s)")
    parser.add_argument("--fine-tune-epochs", type=int, default=SCORING.fine_tune_epochs, help="(default: %(default)s)")
    parser.add_argument("--redraw", action="store_true", help="only write tables and pictures from what is there")
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Do as the command line says: prints the paths of what was written."""
    for name in ("epochs", "batch_size", "patch_size", "fine_tune_images", "fine_tune_epochs"):
        value = getattr(chosen, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')}: is {value}, wanted at least 1")
    names = list(EXPERIMENTS) if "all" in chosen.what else list(dict.fromkeys(chosen.what))
    experiments = [EXPERIMENTS[name] for name in names]
    path = chosen.data or default_data()
    images = data.read(path, images=chosen.images)
    scoring = Scoring(
        fine_tune=not chosen.no_fine_tune, fine_tune_images=chosen.fine_tune_images,
        fine_tune_epochs=chosen.fine_tune_epochs,
    )  # fmt: skip
    asked = {name: value for name in ("size", "epochs", "patch_size", "batch_size", "base_learning_rate", "preset")
             if (value := getattr(chosen, name)) is not None}  # fmt: skip
    study = Study(chosen.out, images, scoring, source=_source(chosen))
    if chosen.redraw:
        paths = study.write(experiments)
    else:
        teacher = None if chosen.teacher is None else read_encoder(chosen.teacher, chosen)
        request = Request(hours=chosen.hours, teacher=teacher, **asked)
        paths = study.run(experiments, request, asked=list(asked), seeds=chosen.seeds, keys=chosen.rows)
    print("\n".join(paths))


def default_data() -> str:
    """The grocery photographs, where the example has fetched them.

    Raises:
        ValueError: they are not there.

    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(cache, "latentmim", "groceries")
    if not os.path.isdir(folder):
        raise ValueError(f"--data PATH is wanted: {folder} is not there (`python examples/groceries.py` fetches it)")
    return folder


def _source(chosen: argparse.Namespace) -> list[str]:
    """The part of the command line that names data and scoring, with what differs from the defaults."""
    parts = ["--data", chosen.data] if chosen.data else []
    values = {name: getattr(chosen, name) for name in ("images", "teacher", "fine_tune_images", "fine_tune_epochs")}
    for name, value in (values | encoder_options(chosen)).items():
        if value is not None and value != getattr(SCORING, name, None):
            several = value if isinstance(value, list) else [value]
            parts += [f"--{name.replace('_', '-')}", *map(str, several)]
    return [*parts, "--no-fine-tune"] if chosen.no_fine_tune else parts
