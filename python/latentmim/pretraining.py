"""The one-liner: from a folder of photographs to an encoder, with defaults that suit a small machine."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from latentmim import plot
from latentmim._warnings import warn
from latentmim.budgets import Budget, Plan, read_budget
from latentmim.config import ModelOptions, Preset, TrainingOptions
from latentmim.data import Dataset, as_dataset
from latentmim.distributed import Ranks
from latentmim.encoder import Encoder
from latentmim.forecasts import Candidate, choose, tell
from latentmim.loading import load_encoder
from latentmim.loggers import make_loggers
from latentmim.model import LatentMIM
from latentmim.names import counted, refuse_unknown
from latentmim.runs import kept_plan
from latentmim.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike
    from latentmim.runs import Resume

__all__ = ["pretrain", "recipe"]

TINY = {
    "width": 96, "depth": 4, "heads": 3, "grid": 8, "patch_size": 8, "patch_gap": 2,
    "decoder_width": 64, "decoder_heads": 4, "projector_width": 256,
}  # fmt: skip
SMALL = {
    "width": 192, "depth": 6, "heads": 3, "grid": 7, "num_visible": 8,
    "decoder_width": 128, "decoder_heads": 4, "projector_width": 512,
}  # fmt: skip
MEDIUM = {"size": "vit_tiny", "grid": 10, "decoder_width": 256, "decoder_heads": 8, "projector_width": 1024}
LARGE = {"size": "vit_small"}

OF_TRAINER = ("save_every", "keep_every", "log_every", "on_collapse", "loggers", "save_best", "wire")


class Recipe(NamedTuple):
    """What suits a number of images.

    Attributes:
        name: what budgets call it.
        below: images below which it is meant.
        model: its options.
        crops: seen in all.
        enough: of them, with which it is better than what is smaller; budgets ask.
        base_learning_rate: of training.
        crop_area: of the smallest crop, as a share of the image's.

    """

    name: str
    below: int
    model: dict[str, Any]
    crops: int
    enough: int
    base_learning_rate: float
    crop_area: float


# The first is for budgets that are too short for the second.
RECIPES = (
    Recipe("tiny", 0, TINY, 0, 0, 2e-3, 0.3),
    Recipe("small", 10_000, SMALL, 52_000, 5_000, 2e-3, 0.3),
    Recipe("medium", 200_000, MEDIUM, 1_000_000, 500_000, 1e-3, 0.2),
    Recipe("large", sys.maxsize, LARGE, 100_000_000, 50_000_000, 1.5e-4, 0.2),
)

# Options of a model that a budget does not choose any more where they are given.
SIZES = ("width", "depth", "heads", "grid", "patch_size", "mlp_ratio")

# Of encoders that others trained: ten times as much undoes within 25 steps what they know.
PUBLISHED_RATE = 1e-5


def recipe(data: Dataset, size: str | None = None, name: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `pretrain` chooses for a data set: (model options, training options). A named encoder, `size`, stands as
    published, but for channels and patches. `name` is that of a recipe, which the number of images chooses otherwise.

    Fewer than 10,000 images: an encoder 192 wide and 6 deep on a 7×7 grid, which shows learning within minutes on two
    cores.
    Fewer than 200,000: ViT-Ti on a 10×10 grid. More: ViT-S as published. Images below 96 pixels get patches of 4
    pixels.

    Examples:
        >>> options, training = lm.pretraining.recipe(photos)
        >>> options["width"], training["batch_size"]
        (192, 28)

    """
    return _recipe(data, _short_side(data), size, name)


def _recipe(
    data: Dataset, short_side: float, size: str | None, name: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same, where the images' short side is known."""
    count = len(data)
    found = next(entry for entry in RECIPES if entry.name == name or (name is None and count < entry.below))
    chosen: dict[str, Any] = dict(found.model) if size is None else {"size": size}
    if data.channels != 3:
        chosen["channels"] = data.channels
    if short_side < 96:
        chosen |= {"patch_size": 4, "patch_gap": 1}
    batch_size = min(128 if count < 200_000 else 256, count)
    training = {
        "epochs": max(10, round(found.crops / count)),
        "batch_size": batch_size,
        "base_learning_rate": found.base_learning_rate,
        "crop_area": (found.crop_area, 1.0),
    }
    return chosen, training


def _short_side(data: Dataset) -> float:
    """The median short side of up to nine images from all over a set, in pixels; infinite where none can be read."""
    sides = []
    for index in np.linspace(0, len(data) - 1, min(len(data), 9)).round().astype(int):
        with contextlib.suppress(OSError, ValueError):
            sides.append(min(data[index].shape[:2]))
    return float(np.median(sides)) if sides else math.inf


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
    budget: str | float | None = None,
    size: str | None = None,
    preset: Preset | None = None,
    init: Encoder | PathLike | Mapping[str, Any] | None = None,
    teacher: Encoder | PathLike | Mapping[str, Any] | None = None,
    validation: Dataset | PathLike | None = None,
    validate_every: float | None = None,
    resume: Resume = "auto",
    seed: int = 0,
    progress: bool = True,
    comm: Any = None,
    **options: Any,
) -> LatentMIM:
    """Train a Latent MIM on images, from nothing to files: run it again to go on where it was stopped.

    The first steps tell how long it will take. Ctrl-C ends the step, saves, and raises KeyboardInterrupt, so that
    nothing behind runs on a half-trained model.

    Args:
        data: the path of a folder of image files, a data set, or an array of images.
        out: the folder of the run: config.json, metrics.jsonl, checkpoints/, encoder.safetensors, and pictures/ where
            matplotlib is installed.
        budget: what it may take, "2h", "90 min" or a number of seconds, in place of `epochs`. Steps of the models in
            question are measured, the largest that sees enough images in the time is trained, and the schedules end
            when the time does. Pictures are drawn after it. The same call goes on where it was stopped, for what is
            left of the time; a larger budget makes the run longer. See `docs/recipes.md`.
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
        comm: of mpi4py, whose ranks train together, all by the same call: see `Trainer`. Of a `budget` rank 0's clock
            counts.
        options: any option of `ModelConfig`, `TrainingConfig` or `Trainer`, by name; they go before what `recipe`
            chooses.

    Returns:
        The trained model.

    Raises:
        OSError: the folder cannot be read, or the run not be written; BlockingIOError: another run writes to `out`.
        ValueError: an unknown option, one out of its range, a folder without images; the run in `out` has other options
            or other images; a budget that is no time, beside `epochs`, or less than the run has taken.
        KeyboardInterrupt: after Ctrl-C; its text says what was saved.

    Examples:
        >>> images = photos[:8].resized(96)
        >>> trained = lm.pretrain(images, out="runs/first", epochs=1, width=48, depth=2, grid=4, progress=False)
        >>> lm.load_encoder("runs/first")
        Encoder(48 wide, 2 deep, 3 heads; patches of 16×16×3, trained on 4×4)

    """
    if out is None:
        raise TypeError("out: is None, wanted a folder; a Trainer trains without one")
    ranks = Ranks(comm)
    with ranks.agreeing():
        clock = None if budget is None else _clock(budget, options)
        dataset = as_dataset(data, options.get("channels") or 3)
        for_model = {name: options.pop(name) for name in list(options) if name in ModelOptions.__annotations__}
        for_trainer = {name: options.pop(name) for name in OF_TRAINER if name in options}
        known = ["epochs", "batch_size", *TrainingOptions.__annotations__]
        if unknown := [name for name in options if name not in known]:
            refuse_unknown("pretrain", unknown, [*known, *ModelOptions.__annotations__, *OF_TRAINER])
        if init is not None and not isinstance(init, Encoder):
            init = load_encoder(init)

        candidate = functools.partial(
            _candidate, data=dataset, short_side=_short_side(dataset), size=size, preset=preset, init=init,
            teacher=teacher, seed=seed, model=for_model, training=options, ranks=ranks.size,
        )  # fmt: skip
        is_settled = size is not None or init is not None or any(name in for_model for name in SIZES)
        kept = None
        if clock is not None:
            make_loggers(for_trainer.get("loggers", ()))  # what is missing is said before anything is measured
            kept = kept_plan(out, resume) if ranks.is_root else None
    plan = None if clock is None else _planned(clock, candidate, dataset, is_settled, ranks.decided(kept), ranks)
    with ranks.agreeing():
        chosen = candidate(plan.model if plan and plan.model in [entry.name for entry in RECIPES] else None)
        training = chosen.training if plan is None else chosen.training | {"epochs": plan.epochs}
        passes = training["epochs"] if plan is None else plan.passes
        model = chosen.make()
    if ranks.is_root:
        print(
            f"{dataset!r}\n{model!r}\n{counted(passes, 'epoch', form='.4g')}, batches of {training['batch_size']}",
            file=sys.stderr,
        )
    every = passes / 10 if validate_every is None else validate_every
    trainer = Trainer(
        model, dataset, out=out, validation=validation, validate_every=every,
        progress=progress, comm=comm, **for_trainer, **training,
    )  # fmt: skip
    ending = trainer._fitting.run(resume, tells_pace=plan is None, plan=plan)
    _tell_skipped(dataset, ranks)
    if ending == "interrupted":
        raise KeyboardInterrupt(trainer._fitting.stopped if ranks.is_root else "")
    assert trainer._run is not None
    if ranks.is_root and (ending != "finished before" or not os.path.isdir(trainer._run.pictures)):
        _draw(trainer)
    return model


def _candidate(
    name: str | None,
    *,
    data: Dataset,
    short_side: float,
    size: str | None,
    preset: Preset | None,
    init: Encoder | None,
    teacher: Encoder | PathLike | Mapping[str, Any] | None,
    seed: int,
    model: dict[str, Any],
    training: dict[str, Any],
    ranks: int,
) -> Candidate:
    """What is trained by a recipe, the number of images' own where it has no name. Options of `model` and `training` go
    before the recipe's, whose batch divides among ranks; the rest as for `pretrain`.
    """
    chosen, for_trainer = _chosen(data, short_side, size, preset, init, name)
    for_trainer["batch_size"] -= for_trainer["batch_size"] % ranks
    if "mask_ratio" in model or "grid" in model:
        chosen.pop("num_visible", None)
    given = {option: value for option, value in training.items() if value is not None}
    for_trainer |= {"seed": seed, "preset": preset or "official", **given}
    make = functools.partial(
        LatentMIM, init=init, teacher=teacher, **{"preset": preset, "seed": seed, **chosen, **model}
    )
    enough = next((entry.enough for entry in RECIPES if entry.name == name), 0)
    return Candidate(name or "as given", make, for_trainer, enough)


def _chosen(
    data: Dataset,
    short_side: float,
    size: str | None,
    preset: Preset | None,
    init: Encoder | None,
    name: str | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a recipe says of model and training, where `preset` and `init` leave it to it."""
    model, training = _recipe(data, short_side, size, name)
    if preset not in (None, "official", "paper"):
        model, training = _sizes_alone(model, training)
    if init is not None:
        is_continued = init.family == "latentmim" and preset is None
        model = {} if is_continued else _beside(model)
        if init.family != "latentmim":
            training["base_learning_rate"] = PUBLISHED_RATE
    return model, training


def _clock(budget: str | float, options: Mapping[str, Any]) -> Budget:
    """The budget's clock, which runs from here on. Raises ValueError."""
    seconds = read_budget(budget)
    if options.get("epochs") is not None:
        raise ValueError(f"budget: is {budget!r} beside epochs = {options['epochs']}; wanted one of them")
    return Budget(seconds)


def _planned(
    budget: Budget,
    candidate: Callable[[str | None], Candidate],
    data: Dataset,
    is_settled: bool,
    kept: dict[str, Any] | None,
    ranks: Ranks,
) -> Plan:
    """The model that is trained in a time, and for how long: an earlier run's, or by a forecast, which is printed.

    Args:
        budget: the time.
        candidate: makes that of a recipe; of none, the only one there is.
        data: what is trained on.
        is_settled: whether there is only one.
        kept: the earlier run's plan.
        ranks: those that train, and measure, together.

    """
    if kept is not None:
        return Plan.of_run(kept, budget)
    last = next(place for place, entry in enumerate(RECIPES) if len(data) < entry.below)
    names: list[str | None] = [None] if is_settled else [entry.name for entry in RECIPES[: last + 1]]
    forecast, forecasts = choose([candidate(name) for name in names], data, budget, ranks.comm)
    if ranks.is_root:
        tell(forecast, forecasts, budget)
    epochs = min(max(1, math.ceil(forecast.epochs)), 1_000_000)
    return Plan(budget, forecast.candidate.name, epochs, forecast.epochs, forecast.seconds_per_step)


def _beside(model: dict[str, Any]) -> dict[str, Any]:
    """What of a recipe an encoder to begin as does not say."""
    of_encoder = ("size", "width", "depth", "heads", "channels", "patch_size", "patch_gap")
    return {name: value for name, value in model.items() if name not in of_encoder}


def _tell_skipped(dataset: Dataset, ranks: Ranks, shown: int = 10) -> None:
    """What of the images could not be read and was passed over, on any rank."""
    skipped = sorted(set(ranks.gather(dataset.skipped)))
    if not ranks.is_root:
        return
    if skipped:
        print(f"{len(skipped)} of {counted(len(dataset), 'file')} could not be read and were skipped:", file=sys.stderr)
    for path, reason in skipped[:shown]:
        print(f"  {path}: {reason}", file=sys.stderr)
    if len(skipped) > shown:
        print(f"  and {len(skipped) - shown} more: `dataset.skipped` lists them", file=sys.stderr)


def _draw(trainer: Trainer) -> None:
    """The pictures of a run, where matplotlib is there. What cannot be drawn costs a warning, not the run."""
    if importlib.util.find_spec("matplotlib") is None:
        print("no pictures: they need matplotlib, pip install 'latentmim[plot]'; the same call draws them then",
              file=sys.stderr)  # fmt: skip
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
        warn(f"pictures: {type(error).__name__}: {error}; {kept}", RuntimeWarning)
