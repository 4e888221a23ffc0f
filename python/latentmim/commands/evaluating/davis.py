"""`latentmim evaluate --protocol davis`: masks of videos, tracked and scored, or scored alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentmim.commands.evaluating.runner import Runner
from latentmim.commands.shared import read_encoder, settings, sides
from latentmim.distributed import Ranks
from latentmim.evaluate.davis import davis, davis_scores

if TYPE_CHECKING:
    import argparse

    from latentmim.evaluate.video import VideoScores

__all__ = ["RUNNER"]

OWN = ("predicted", "sequences", "preset", "resolution", "void", "all_frames")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `--protocol davis`."""
    group = parser.add_argument_group(
        "--protocol davis", "example: latentmim evaluate encoder.safetensors DAVIS/ --protocol davis --out masks/"
    )
    group.add_argument(
        "--predicted", action="store_true", help="WEIGHTS is a folder of masks, SEQUENCE/FRAME.png, to be scored alone"
    )
    group.add_argument("--sequences", nargs="+", metavar="NAME", help="(default: ImageSets/2017/val.txt, or all)")
    group.add_argument("--preset", help="dino, videowalk, cropmae or dinov3 (default: dino)")
    group.add_argument("--resolution", metavar="FOLDER", help="(default: 480p, or the only one)")
    group.add_argument("--void", choices=["background", "ignore"], help="what label 255 is (default: background)")
    group.add_argument("--all-frames", action="store_true", help="the first and the last frame count too")


def run(chosen: argparse.Namespace) -> VideoScores:
    """Track and score, or score alone, as the command line says."""
    common: dict[str, Any] = {
        "sequences": chosen.sequences, "resolution": chosen.resolution, "void": chosen.void,
        "all_frames": chosen.all_frames or None,
    }  # fmt: skip
    tracking = _tracking(chosen)
    if chosen.predicted:
        if chosen.out or chosen.preset or tracking:
            raise ValueError("--predicted: masks are scored as they are, no options of tracking go with it")
        return davis_scores(chosen.weights, chosen.folder, progress=Ranks(chosen.comm).is_root, **common)
    with Ranks(chosen.comm).agreeing():
        encoder = read_encoder(chosen.weights, chosen)
    common |= {"preset": chosen.preset or "dino", "out": chosen.out, "comm": chosen.comm}
    return davis(encoder, chosen.folder, **common, **tracking)


def _tracking(chosen: argparse.Namespace) -> dict[str, Any]:
    """Options of `track`; `--set` may name any."""
    own = {"precision": chosen.precision, "layer": chosen.layer, "size": sides(chosen.size)}
    return settings(chosen) | {name: value for name, value in own.items() if value is not None}


RUNNER = Runner(run=run, takes=frozenset({"layer", "size", "precision", "set", "out", *OWN}), add_options=add_options)
