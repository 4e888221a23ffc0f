"""`latentmim pretrain`: from a folder of images to an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from latentmim.commands.shared import (
    add_encoder_options,
    add_precision,
    add_settings,
    add_skipping,
    encoder_options,
    images_of,
    one_error,
    read_encoder,
    settings,
)
from latentmim.config import PRESETS, TargetPrecision
from latentmim.distributed import Ranks, Wire, world
from latentmim.fitting import SaveBest
from latentmim.loggers import NAMED
from latentmim.pretraining import pretrain

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim pretrain photos/ --out runs/first                         sizes and schedule by the number of images
  latentmim pretrain photos/ --out runs/second --size vit_small --epochs 100 --set patch_gap=2
  latentmim pretrain photos/ --out runs/mae --preset mae              a baseline
  latentmim pretrain photos/ --out runs/night --budget 8h --logger tensorboard
  mpiexec -n 4 latentmim pretrain photos/ --out runs/first            four processes, on one machine or several
Ctrl-C saves; the same command goes on from there."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import pretrain
        >>> parser = argparse.ArgumentParser("latentmim pretrain")
        >>> pretrain.add_options(parser)
        >>> parser.parse_args(["photos", "--out", "runs/first"]).out
        'runs/first'

    """
    parser.add_argument("folder", help="of images, or a packed file")
    parser.add_argument("--out", required=True, help="folder of the run; run again to go on")
    parser.add_argument("--size", help="vit_tiny … vit_huge (default: by the number of images)")
    parser.add_argument("--preset", choices=PRESETS, help="(default: official)")
    parser.add_argument("--init", help="weights of the encoder to begin as, this or another project's")
    parser.add_argument(
        "--teacher", help="weights of the encoder whose latents are predicted, in place of its average's"
    )
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--budget", metavar="TIME", help="in place of --epochs: 2h, 90min; model and crops to fit")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--validation", help="folder with a sub-folder for each class")
    parser.add_argument("--save-best", choices=get_args(SaveBest), help="score by which the best state is kept, in "
                        "checkpoints/best.safetensors: nn needs --validation, the others no labels")  # fmt: skip
    parser.add_argument(
        "--logger", action="append", default=[], metavar="NAME", help=f"{', '.join(NAMED)} (repeatable)"
    )
    parser.add_argument("--seed", type=int, default=0)
    add_skipping(parser)
    parser.add_argument("--wire", choices=get_args(Wire), help="what gradients are sent as, under mpiexec "
                        "(default: float32)")  # fmt: skip
    parser.add_argument("--restart", action="store_true", help="start over; a run that is there is set aside")
    add_precision(parser)
    parser.add_argument(
        "--target-precision", choices=get_args(TargetPrecision), help="the same, of targets (default: --precision)"
    )
    add_settings(parser, "patch_gap=2")
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Train as the command line says: prints the folder of the run."""
    comm = world()
    ranks = Ranks(comm)
    with one_error(ranks):
        _train(chosen, comm, ranks)
    if ranks.is_root:
        print(chosen.out)


def _train(chosen: argparse.Namespace, comm: Any, ranks: Ranks) -> None:
    options: dict[str, Any] = settings(chosen)
    for name in ("epochs", "batch_size", "precision", "target_precision", "save_best", "wire"):
        if getattr(chosen, name) is not None:
            options[name] = getattr(chosen, name)
    with ranks.agreeing():
        init, teacher = (None if path is None else read_encoder(path, chosen) for path in (chosen.init, chosen.teacher))
        if init is teacher is None and (unused := encoder_options(chosen)):
            problem = f"--{next(iter(unused))}: says how weights are read, and there are none: --init or --teacher"
            raise ValueError(problem)
        photos = images_of(chosen.folder, options.get("channels", 3), chosen)
    try:
        pretrain(
            photos, chosen.out, size=chosen.size, preset=chosen.preset, init=init, teacher=teacher,
            validation=chosen.validation, seed=chosen.seed, resume=False if chosen.restart else "auto",
            budget=chosen.budget, loggers=chosen.logger, comm=comm, **options,
        )  # fmt: skip
    except ValueError as error:
        # What Python's users write, as it is called here.
        text = str(error).replace("`out`", "--out").replace("resume=False", "--restart")
        raise ValueError(text.replace("loggers: ", "--logger: ").replace("budget: ", "--budget: ")) from None
