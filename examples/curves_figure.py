"""Draws docs/curves.png: a run that learns, one that collapses, one that goes nowhere, by the numbers of their logs.

python examples/curves_figure.py                    # trains three small encoders, some minutes on two cores
python examples/curves_figure.py --out runs/curves  # draws again what is there
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import groceries
from matplotlib.figure import Figure

import latentmim as lm

ROOT = Path(__file__).parent.parent
SIZES: dict[str, Any] = {
    "width": 96, "depth": 4, "heads": 3, "grid": 8, "patch_size": 8, "decoder_width": 64, "decoder_heads": 4,
    "projector_width": 256,
}  # fmt: skip
# The paper's naive model: both encoders learn, and nothing keeps them from agreeing on one vector.
NAIVE: dict[str, Any] = {
    "target_encoder": "joint", "objective": "mse", "projector": "none", "decoder": "self_attention", "patch_gap": 0,
    "mask_ratio": 0.75, "similarity_coefficient": 0.0,
}  # fmt: skip
RUNS: dict[str, tuple[dict[str, Any], float]] = {
    "learns": ({"patch_gap": 2}, 2e-3),
    "collapses": (NAIVE, 2e-3),
    "goes nowhere: learning rate 1e-6": ({"patch_gap": 2}, 1e-6),
}
BLUE, VERMILION, GREEN, PURPLE, INK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#222222"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs/curves")
    parser.add_argument("--epochs", type=int, default=30)
    chosen = parser.parse_args()
    photos = groceries.folder()
    figure = Figure(figsize=(11, 7.4), dpi=120, layout="constrained")
    grid = figure.subplots(4, len(RUNS), sharex=True, squeeze=False)
    for column, (name, (options, rate)) in enumerate(RUNS.items()):
        model = lm.LatentMIM(**SIZES, **options, seed=0)
        trainer = lm.Trainer(
            model, photos / "train", epochs=chosen.epochs, batch_size=64, base_learning_rate=rate, crop_area=(0.3, 1.0),
            validation=photos / "test", validate_every=chosen.epochs / 10, out=chosen.out / f"{column}",
        )  # fmt: skip
        trainer.fit()
        print(name, lm.diagnose(model, trainer.history[-1]), lm.spread(model.encoder, photos / "test"), sep="\n")
        draw(grid[:, column], name, trainer, model)
    figure.savefig(ROOT / "docs/curves.png", facecolor="white")


def draw(places: Any, name: str, trainer: lm.Trainer, model: lm.LatentMIM) -> None:
    """Loss, similarity, rank and score of a run, one below the other."""
    lines = trainer.history
    steps = [line["step"] for line in lines]
    places[0].set_title(name, color=INK)
    places[0].plot(steps, [line["loss"] for line in lines], color=BLUE)
    if model.chance_loss == model.chance_loss:  # nan where it depends on the targets
        places[0].axhline(model.chance_loss, color=VERMILION, linestyle="--", label="chance")
        places[0].legend(frameon=False)
    places[0].set_ylim(bottom=0)
    places[1].plot(steps, [line["similarity_images"] for line in lines], color=VERMILION)
    places[1].set_ylim(0, 1.05)
    places[2].plot(steps, [line["effective_rank"] for line in lines], color=PURPLE)
    places[2].set_ylim(0, 64)
    scored = [(line["step"], line["nn_accuracy"]) for line in lines if "nn_accuracy" in line]
    places[3].plot(*zip(*scored, strict=True), "o-", color=GREEN, markersize=3)
    places[3].set_ylim(0, 1)
    places[3].set_xlabel("step")
    for place, label in zip(places, ("loss", "similarity_images", "effective_rank", "nn_accuracy"), strict=True):
        place.set_ylabel(label)
        place.grid(color="#EEEEEE")
        for side in ("top", "right"):
            place.spines[side].set_visible(False)


if __name__ == "__main__":
    main()
