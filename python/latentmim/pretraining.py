"""The one-liner: from a folder of photographs to an encoder, with defaults that suit a small machine."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Literal

from latentmim import plot
from latentmim.config import ModelOptions, Preset, TrainingOptions
from latentmim.data import Arrays, Dataset, as_dataset
from latentmim.encoder import Encoder, load_encoder
from latentmim.model import LatentMIM
from latentmim.names import refuse_unknown
from latentmim.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike

__all__ = ["pretrain", "recipe"]

SMALL = {
    "width": 192, "depth": 6, "heads": 3, "grid": 7, "num_visible": 8,
    "decoder_width": 128, "decoder_heads": 4, "projector_width": 512,
}  # fmt: skip
MEDIUM = {"size": "vit_tiny", "grid": 10, "decoder_width": 256, "decoder_heads": 8, "projector_width": 1024}
LARGE = {"size": "vit_small"}

OF_TRAINER = ("save_every", "keep_every", "log_every", "on_collapse", "save_best")

# (images below which it is meant, model, images seen in all, base learning rate, smallest crop)
RECIPES = (
    (10_000, SMALL, 52_000, 2e-3, 0.3),
    (200_000, MEDIUM, 1_000_000, 1e-3, 0.2),
    (sys.maxsize, LARGE, 100_000_000, 1.5e-4, 0.2),
)

# Of encoders that others trained: ten times as much undoes within 25 steps what they know.
PUBLISHED_RATE = 1e-5


def recipe(data: Dataset, size: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `pretrain` chooses for a data set: (model options, training options). A named encoder, `size`, stands as
    published, but for channels and patches.

    Fewer than 10,000 images: an encoder 192 wide and 6 deep on a 7×7 grid, which shows learning within minutes on two
    cores.
    Fewer than 200,000: ViT-Ti on a 10×10 grid. More: ViT-S as published. Images below 96 pixels get patches of 4
    pixels.
    """
    count = len(data)
    _, model, seen, rate, area = next(entry for entry in RECIPES if count < entry[0])
    chosen: dict[str, Any] = dict(model) if size is None else {"size": size}
    if data.channels != 3:
        chosen["channels"] = data.channels
    if isinstance(data, Arrays) and min(data.images.shape[1:3]) < 96:
        chosen |= {"patch_size": 4, "patch_gap": 1}
    batch_size = min(128 if count < 200_000 else 256, count)
    training = {
        "epochs": max(10, round(seen / count)),
        "batch_size": batch_size,
        "base_learning_rate": rate,
        "crop_area": (area, 1.0),
    }
    return chosen, training


def _sizes_alone(model: dict[str, Any], training: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of a recipe holds for other methods: sizes and rates; masks, gaps and crops are their own. Grids are even,
    as masks of 2×2 patches want.
    """
    sizes = {name: value for name, value in model.items() if name not in ("num_visible", "patch_gap")}
    if "grid" in sizes:
        sizes["grid"] += sizes["grid"] % 2
    return sizes, {name: value for name, value in training.items() if name != "crop_area"}


def pretrain(
    data: Dataset | PathLike | ArrayLike,
    out: PathLike,
    *,
    size: str | None = None,
    preset: Preset | None = None,
    init: Encoder | PathLike | Mapping[str, Any] | None = None,
    teacher: Encoder | PathLike | Mapping[str, Any] | None = None,
    validation: Dataset | PathLike | None = None,
    validate_every: float | None = None,
    resume: Literal["auto"] | bool | PathLike = "auto",
    seed: int = 0,
    progress: bool = True,
    **options: Any,
) -> LatentMIM:
    """Train a Latent MIM on images, from nothing to files: run it again to go on where it was stopped.

    The first steps tell how long it will take. Ctrl-C ends the step, saves, and raises KeyboardInterrupt, so that
    nothing behind runs on a half-trained model.

    Args:
        data: the path of a folder of image files, a data set, or an array of images.
        out: the folder of the run: config.json, metrics.jsonl, checkpoints/, encoder.safetensors, and pictures/ where
            matplotlib is installed.
        size: a named encoder, "vit_tiny" … "vit_huge"; if not given, `recipe` chooses by the number of images.
        preset: "official" (the default) or "paper", for what neither `recipe` nor you choose; or a baseline ("mae",
            "simmim" …), of which `recipe` chooses only sizes and rates.
        init: the encoder to begin as, a file of this or another project's: see `LatentMIM`. What it is like goes before
            what `recipe` chooses, and other projects' are trained at a rate of 1e-5.
        teacher: the encoder whose latents are predicted, given like `init`: see `LatentMIM`.
        validation: a labelled data set (or folder) for the nearest-neighbour score.
        validate_every: epochs between scores; ten scores a run if not given.
        resume: see `Trainer.fit`.
        seed: of weights, crops, order and views.
        progress: whether a progress bar is shown.
        options: any option of `ModelConfig`, `TrainingConfig` or `Trainer`, by name; they go before what `recipe`
            chooses.

    Returns:
        The trained model.

    Raises:
        OSError: the folder cannot be read, or the run not be written; BlockingIOError: another run writes to `out`.
        ValueError: an unknown option, one out of its range, a folder without images; the run in `out` has other options
            or other images.
        KeyboardInterrupt: after Ctrl-C; its text says what was saved.

    """
    if out is None:
        raise TypeError("out: is None, wanted a folder; a Trainer trains without one")
    dataset = as_dataset(data, options.get("channels") or 3)
    chosen_model, chosen_training = recipe(dataset, size)
    if preset not in (None, "official", "paper"):
        chosen_model, chosen_training = _sizes_alone(chosen_model, chosen_training)
    if init is not None:
        init = init if isinstance(init, Encoder) else load_encoder(init)
        is_continued = init.family == "latentmim" and preset is None
        chosen_model = {} if is_continued else _beside(chosen_model)
        if init.family != "latentmim":
            chosen_training["base_learning_rate"] = PUBLISHED_RATE
    for_model = {name: options.pop(name) for name in list(options) if name in ModelOptions.__annotations__}
    if "mask_ratio" in for_model or "grid" in for_model:
        chosen_model.pop("num_visible", None)
    for_trainer = {name: options.pop(name) for name in OF_TRAINER if name in options}
    known = ["epochs", "batch_size", *TrainingOptions.__annotations__]
    if unknown := [name for name in options if name not in known]:
        refuse_unknown("pretrain", unknown, [*known, *ModelOptions.__annotations__, *OF_TRAINER])
    training = chosen_training | {name: value for name, value in options.items() if value is not None}
    model = LatentMIM(init=init, teacher=teacher, **{"preset": preset, "seed": seed, **chosen_model, **for_model})
    print(f"{dataset!r}\n{model!r}\n{training['epochs']} epochs, batches of {training['batch_size']}", file=sys.stderr)
    every = training["epochs"] / 10 if validate_every is None else validate_every
    trainer = Trainer(
        model, dataset, out=out, validation=validation, validate_every=every,
        progress=progress, seed=seed, preset=preset or "official", **for_trainer, **training,
    )  # fmt: skip
    ending = trainer._fitting.run(resume, tells_pace=True)
    _tell_skipped(dataset)
    if ending == "interrupted":
        raise KeyboardInterrupt(trainer._fitting.stopped)
    assert trainer._run is not None
    if ending != "finished before" or not os.path.isdir(trainer._run.pictures):
        _draw(trainer)
    return model


def _beside(model: dict[str, Any]) -> dict[str, Any]:
    """What of a recipe an encoder to begin as does not say."""
    of_encoder = ("size", "width", "depth", "heads", "channels", "patch_size", "patch_gap")
    return {name: value for name, value in model.items() if name not in of_encoder}


def _tell_skipped(dataset: Dataset, shown: int = 10) -> None:
    """What of the images could not be read and was passed over."""
    skipped = dataset.skipped
    if skipped:
        print(f"{len(skipped)} of {len(dataset)} files could not be read and were skipped:", file=sys.stderr)
    for path, reason in skipped[:shown]:
        print(f"  {path}: {reason}", file=sys.stderr)
    if len(skipped) > shown:
        print(f"  and {len(skipped) - shown} more: `dataset.skipped` lists them", file=sys.stderr)


def _draw(trainer: Trainer) -> None:
    """The pictures of a run, where matplotlib is there. What cannot be drawn costs a warning, not the run."""
    if importlib.util.find_spec("matplotlib") is None:
        return
    assert trainer._run is not None
    print(f"drawing pictures in {trainer._run.pictures}", file=sys.stderr)
    try:
        with warnings.catch_warnings():
            # Which files were skipped has been told.
            warnings.filterwarnings("ignore", message="features: .* cannot be read")
            plot.run(trainer)
    except Exception as error:
        kept = "the model is trained and saved all the same"
        warnings.warn(f"pictures: {type(error).__name__}: {error}; {kept}", RuntimeWarning, stacklevel=3)
