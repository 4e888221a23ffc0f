"""Train the same model at both precisions and draw both curves: loss, and held-out nearest-neighbour accuracy.

    python python/benchmarks/precision_curves.py --epochs 60 --picture docs/precision.png

The grocery photographs of the demo (675 to train on, 661 held out), its recipe, the same seed: weights, crops, views
and the order of images are the same in both runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import latentmim as lm
from latentmim.pretraining import recipe

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
import groceries  # noqa: E402

PRECISIONS = ("float32", "bf16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--threads", type=int, default=lm.thread_count())
    parser.add_argument("--history", type=Path, default=Path("runs/precision"), help="folder for the figures, as JSON")
    parser.add_argument("--only", choices=PRECISIONS, help="train at one precision, draw nothing")
    parser.add_argument("--picture", type=Path, help="where to draw; both histories must be there, or are made")
    arguments = parser.parse_args()
    lm.set_thread_count(arguments.threads)
    arguments.history.mkdir(parents=True, exist_ok=True)
    for precision in [arguments.only] if arguments.only else PRECISIONS:
        path = arguments.history / f"{precision}.json"
        if arguments.only or not path.exists():
            path.write_text(json.dumps(train(precision, arguments.epochs)))
    if arguments.picture:
        histories = {name: json.loads((arguments.history / f"{name}.json").read_text()) for name in PRECISIONS}
        draw(histories, arguments.picture)


def train(precision: str, epochs: int) -> dict[str, Any]:
    """One run: the loss of every step, and the nearest-neighbour accuracy every tenth of it."""
    folder = groceries.folder()
    images, held_out = lm.ImageFolder(folder / "train"), lm.ImageFolder(folder / "test")
    model_options, training_options = recipe(images)
    model = lm.LatentMIM(**model_options, seed=0)
    options = {**training_options, "epochs": epochs, "precision": precision}
    trainer = lm.Trainer(model, images, **options)
    losses, scores = [], []
    every = max(1, trainer.state.total_steps // 10)
    for metrics in trainer:
        losses.append(metrics["loss"])
        if metrics["step"] % every == 0:
            score = lm.evaluate.nearest_neighbor(
                model.encoder, held_out, size=model.config.image_size, short_side=0, progress=False
            )
            scores.append((metrics["step"], score.accuracy))
            print(f"{precision}: step {metrics['step']}, loss {metrics['loss']:.4f}, {score.accuracy:.1%}", flush=True)
    return {"loss": losses, "accuracy": scores, "chance": model.chance_loss, "images": [len(images), len(held_out)]}


def draw(histories: dict[str, dict[str, Any]], path: Path) -> None:
    """Both losses, their difference, and both accuracies."""
    import matplotlib.pyplot as plt
    import numpy as np

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    for (name, history), style in zip(histories.items(), ("-", "--"), strict=True):
        left.plot(np.arange(1, len(history["loss"]) + 1), history["loss"], style, lw=1.2, label=name)
        steps, scores = zip(*history["accuracy"], strict=True)
        right.plot(steps, [100 * score for score in scores], style, marker="o", ms=3, label=name)
    left.axhline(histories["float32"]["chance"], color="grey", lw=0.8, ls=":", label="chance")
    exact, rounded = (np.array(histories[name]["loss"]) for name in PRECISIONS)
    middle.plot(np.arange(1, len(exact) + 1), rounded - exact, lw=0.8, color="C2")
    middle.axhline(0, color="grey", lw=0.8)
    left.set(xlabel="step", ylabel="loss", title="loss")
    middle.set(xlabel="step", title="loss, bf16 − float32")
    right.set(xlabel="step", ylabel="%", title=f"nearest neighbour, {histories['float32']['images'][1]} held out")
    left.legend()
    right.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
