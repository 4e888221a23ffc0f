"""`latentmim track`: the objects of a mask, followed through a clip."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, get_args

from latentmim import _arrays, plot
from latentmim.commands.shared import add_encoder_options, add_precision, add_settings, read_encoder, settings
from latentmim.data import frames, write_labels
from latentmim.names import refuse_unknown
from latentmim.progress import bar
from latentmim.tracking import Preset, TrackingOptions, track_each

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim track dinov2_vits14.pth clip.mp4 first.png                clip-masks/00000.png, 00001.png, …
  latentmim track encoder.safetensors frames/ first.png --preset dinov3 --video tracked.mp4
  latentmim track encoder.safetensors frames/ first.png --set k=7 --set temperature=0.2 --out masks

first.png holds a whole number for each pixel of the first frame: 0 the background, 1 … 254 objects, 255 void."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import track
        >>> parser = argparse.ArgumentParser("latentmim track")
        >>> track.add_options(parser)
        >>> parser.parse_args(["encoder.safetensors", "clip", "first_mask.png", "--out", "masks"]).preset
        'dino'

    """
    parser.add_argument("weights", help="encoder.safetensors, a checkpoint, a run's folder, or another project's file")
    parser.add_argument("clip", help="a folder of images, or a video file")
    parser.add_argument("mask", help="labels of the first frame: a palette or grey PNG, .npy")
    parser.add_argument(
        "--out", metavar="FOLDER", help="where masks are written (default: the clip's name with -masks)"
    )
    parser.add_argument("--preset", choices=get_args(Preset), default="dino", help="published protocol (default: dino)")
    parser.add_argument("--frames", type=int, help="track no more than so many (default: all)")
    parser.add_argument("--strip", metavar="FILE", help="a picture of some frames with their masks")
    parser.add_argument("--video", metavar="FILE", help="the clip with its masks, .gif or .mp4")
    add_settings(parser, "k=7")
    add_precision(parser)
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Track as the command line says: each mask is written before the next frame is read. Prints the folder.

    Examples:
        >>> from latentmim import cli
        >>> cli.main(["track", "encoder.safetensors", "clip", "first_mask.png", "--out", "masks"])
        masks
        0

    """
    refuse_unknown("track", settings(chosen), TrackingOptions.__annotations__)
    encoder = read_encoder(chosen.weights, chosen)
    clip = frames(chosen.clip, channels=encoder.config.channels)
    name = os.path.splitext(os.path.basename(os.path.abspath(_arrays.path(chosen.clip))))[0]
    folder = _arrays.path(chosen.out or f"{name}-masks")
    found = []
    if chosen.frames is not None and chosen.frames < 1:
        raise ValueError(f"--frames: is {chosen.frames}, wanted at least 1")
    tracked = track_each(
        encoder, clip, chosen.mask, chosen.preset, precision=chosen.precision or "float32", **settings(chosen)
    )
    count = clip.count if chosen.frames is None else min(clip.count or chosen.frames, chosen.frames)
    with bar(count, "tracking", "frame", delay=0.5) as shown:
        for index, labels in enumerate(itertools.islice(tracked, chosen.frames)):
            os.makedirs(folder, exist_ok=True)
            write_labels(os.path.join(folder, f"{clip.stem(index)}.png"), labels)
            if chosen.strip or chosen.video:
                found.append(labels)
            shown.update()
    print(folder)
    if chosen.strip:
        plot.tracks(itertools.islice(clip, len(found)), found).figure.savefig(_arrays.path(chosen.strip), dpi=150)
        print(chosen.strip)
    if chosen.video:
        plot.save_tracks(chosen.video, itertools.islice(clip, len(found)), found)
        print(chosen.video)
