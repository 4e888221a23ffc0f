"""`latentmim evaluate`: its options, and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latentmim.commands.evaluating import RUNNERS
from latentmim.commands.shared import (
    add_encoder_options,
    add_precision,
    add_settings,
    add_skipping,
    one_error,
    write,
)
from latentmim.distributed import Ranks, world

if TYPE_CHECKING:
    import argparse

    from latentmim.commands.evaluating import Runner

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim evaluate encoder.safetensors test/                        nearest neighbours, leave-one-out
  latentmim evaluate encoder.safetensors test/ --train train/ --protocol suite
  latentmim evaluate dinov2_vits14.pth test/ --train train/ --protocol linear --pooling cls --set epochs=50
  latentmim evaluate encoder.safetensors photos/ --protocol without_labels
  mpiexec -n 4 latentmim evaluate encoder.safetensors test/ --train train/ --protocol suite"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import evaluate
        >>> parser = argparse.ArgumentParser("latentmim evaluate")
        >>> evaluate.add_options(parser)
        >>> parser.parse_args(["encoder.safetensors", "photos"]).protocol
        'nn'

    """
    parser.add_argument("weights", help="encoder.safetensors, a checkpoint, or the authors' .pth")
    parser.add_argument("folder", help="images scored: a sub-folder for each class, but of without_labels; of "
                        "davis, the folder of DAVIS")  # fmt: skip
    learners = ", ".join(name for name, runner in RUNNERS.items() if runner.learns)
    parser.add_argument("--train", metavar="FOLDER", help=f"images that {learners} and suite learn from")
    parser.add_argument("--protocol", choices=RUNNERS, default="nn")
    parser.add_argument("--k", type=int, nargs="+", help="neighbours of knn (several), knn_uniform and duplicates")
    parser.add_argument("--seed", type=int, nargs="+", help="of linear, fine_tune and without_labels; of few_shot one "
                        "for each run")  # fmt: skip
    parser.add_argument("--pooling", choices=["cls", "mean", "max", "topk_mean"], help="(default: the protocol's)")
    parser.add_argument("--layer", type=int, help="block behind which features are taken (default: the last)")
    parser.add_argument(
        "--size", type=int, nargs="+", metavar="PIXELS", help="HEIGHT WIDTH that the encoder sees, or one"
    )
    add_precision(parser)
    add_settings(parser, "epochs=50")
    parser.add_argument(
        "--out",
        metavar="PATH",
        help="file where fine_tune leaves the trained encoder (safetensors); folder where davis leaves masks",
    )
    parser.add_argument("--json", metavar="FILE", help="write everything that was found")
    add_skipping(parser)
    parser.add_argument("--pixels", action="store_true", help="score raw pixels too (nn)")
    for runner in RUNNERS.values():
        runner.add_options(parser)
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Evaluate as the command line says. Prints rows of a table. Of several processes of a launcher of MPI, which
    encode images together, the first prints and writes.

    Examples:
        >>> from latentmim import cli
        >>> cli.main(["evaluate", "encoder.safetensors", "photos"])
        | nn | last block, before norm, mean | 28 images | – | ... % |
        0

    """
    runner = RUNNERS[chosen.protocol]
    chosen.comm = world()
    ranks = Ranks(chosen.comm)
    with one_error(ranks):
        _refuse_others(chosen, runner)
        if runner.learns and chosen.train is None:
            raise ValueError(f"--protocol {chosen.protocol} learns from a training set: --train FOLDER is wanted")
        found = runner.run(chosen)
        if ranks.is_root:
            write(found, chosen.json)


def _refuse_others(chosen: argparse.Namespace, runner: Runner) -> None:
    """Refuse options that only other protocols take. Raises ValueError, which names the first and them."""
    for name in dict.fromkeys(name for other in RUNNERS.values() for name in sorted(other.takes - runner.takes)):
        value = getattr(chosen, name)
        if not (value is None or value is False or value == []):
            takers = ", ".join(protocol for protocol, other in RUNNERS.items() if name in other.takes)
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{option}: is no option of --protocol {chosen.protocol}, only of {takers}")
