"""Train the same model at several precisions, draw the curves and print the final scores.

    python python/benchmarks/precision_curves.py --epochs 60 --picture docs/precision.png
    python python/benchmarks/precision_curves.py --data groceries fashion_mnist --epochs 20 3 --seeds 0 1 2 ...
        ... --modes bf16 targets int8 --recipe tiny --linear --picture docs/precision-int8.png

The grocery photographs of the demo (675 to train on, 661 held out), or images of Fashion-MNIST (5,000 and 2,000). Runs
of one seed have the same weights to begin with, crops, views and order of images. A run that has its file in the
history is not made again; pictures and tables are of all data sets named.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import latentmim as lm
from latentmim.pretraining import recipe

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
import groceries  # noqa: E402

# What is computed beside eight bits on this machine.
BESIDE = lm.runtime.precisions()[-1]
MODES: dict[str, dict[str, str]] = {
    "float32": {"precision": "float32"},
    "bf16": {"precision": "bf16"},
    "targets": {"precision": BESIDE, "target_precision": "int8"},
    "int8": {"precision": "int8"},
}
TITLES = {"groceries": "groceries", "fashion_mnist": "Fashion-MNIST"}
LABELS = {"float32": "float32", "bf16": "bf16", "targets": f"{BESIDE}, targets int8", "int8": "int8"}


class Run(NamedTuple):
    """One training run; its file is named after it."""

    data: str
    mode: str
    seed: int
    epochs: int
    recipe: str

    def path(self, folder: Path) -> Path:
        """Where its figures are kept."""
        return folder / f"{self.data}-{self.recipe}-{self.mode}-{self.seed}-{self.epochs}.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=TITLES, default=["groceries"])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=["float32", "bf16"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", nargs="+", type=int, default=[60], help="one for each data set, or for all")
    parser.add_argument("--recipe", default="small", help="of `latentmim.pretrain` (default: %(default)s)")
    parser.add_argument("--linear", action="store_true", help="also score a linear probe at the end")
    parser.add_argument("--threads", type=int, default=lm.thread_count())
    parser.add_argument("--root", type=Path, help="folder with Fashion-MNIST's files (default: the cache)")
    parser.add_argument("--history", type=Path, default=Path("runs/precision"), help="folder for the figures, as JSON")
    parser.add_argument("--picture", type=Path, help="where to draw")
    arguments = parser.parse_args()
    lm.set_thread_count(arguments.threads)
    arguments.history.mkdir(parents=True, exist_ok=True)
    epochs = arguments.epochs * (len(arguments.data) if len(arguments.epochs) == 1 else 1)
    runs = [
        Run(data, mode, seed, count, arguments.recipe)
        for data, count in zip(arguments.data, epochs, strict=True)
        for seed in arguments.seeds
        for mode in arguments.modes
    ]
    for run in runs:
        if not run.path(arguments.history).exists():
            found = train(run, arguments.root, linear=arguments.linear)
            run.path(arguments.history).write_text(json.dumps(found))
    histories = {run: json.loads(run.path(arguments.history).read_text()) for run in runs}
    for line in table(histories):
        print(line)
    if arguments.picture:
        draw(histories, arguments.picture)


def images(data: str, root: Path | None) -> tuple[lm.data.Dataset, lm.data.Dataset]:
    """To train on, and held out."""
    if data == "groceries":
        folder = groceries.folder()
        return lm.ImageFolder(folder / "train"), lm.ImageFolder(folder / "test")
    both = (lm.data.load("fashion_mnist", split, root) for split in ("train", "test"))
    train, test = (
        lm.Arrays(whole.images[:count], whole.labels[:count]) for whole, count in zip(both, (5000, 2000), strict=True)
    )
    return train, test


def train(run: Run, root: Path | None, *, linear: bool) -> dict[str, Any]:
    """The loss of every step, held-out nearest-neighbour accuracy every quarter of the run, and the final scores."""
    data, held_out = images(run.data, root)
    model_options, training_options = recipe(data, name=run.recipe)
    model = lm.LatentMIM(**model_options, seed=run.seed)
    options = {**training_options, "epochs": run.epochs, "seed": run.seed, **MODES[run.mode]}
    trainer = lm.Trainer(model, data, **options)
    features: dict[str, Any] = {"size": model.config.image_size, "short_side": 0, "progress": False}
    losses, scores = [], []
    every = max(1, trainer.state.total_steps // 4)
    for metrics in trainer:
        losses.append(metrics["loss"])
        if metrics["step"] % every == 0:
            score = lm.evaluate.nearest_neighbor(model.encoder, held_out, **features)
            scores.append((metrics["step"], score.accuracy))
            print(f"{run}: step {metrics['step']}, loss {metrics['loss']:.4f}, {score.accuracy:.1%}", flush=True)
    found = {"loss": losses, "accuracy": scores, "chance": model.chance_loss, "images": [len(data), len(held_out)]}
    if linear:
        probe = lm.evaluate.linear_probe(model.encoder, data, held_out, augment=False, **features)
        found["linear"] = probe.accuracy
        print(f"{run}: linear {probe.accuracy:.1%}", flush=True)
    return found


def table(histories: dict[Run, dict[str, Any]]) -> Iterator[str]:
    """Final scores: means over seeds and their standard deviation; differences from the first mode, seed by seed."""
    yield "| data | precision | loss | nearest neighbour | difference | linear probe | difference |"
    yield "|---|---|---|---|---|---|---|"
    for data in dict.fromkeys(run.data for run in histories):
        modes = dict.fromkeys(run.mode for run in histories if run.data == data)
        first = next(iter(modes))
        for mode in modes:
            cells = []
            for name, scale in (("loss", 1), ("accuracy", 100), ("linear", 100)):
                values, others = (finals(histories, data, which, name) for which in (mode, first))
                cells.append(spread([scale * value for value in values], scale))
                pairs = [scale * (a - b) for a, b in zip(values, others, strict=True)]
                cells.append("–" if mode == first else spread(pairs, scale, signed=True))
            yield f"| {TITLES[data]} | {LABELS[mode]} | {cells[0]} | {' | '.join(cells[2:])} |"


def finals(histories: dict[Run, dict[str, Any]], data: str, mode: str, name: str) -> list[float]:
    """What runs of all seeds end with: the loss of the last epoch's steps, a score."""
    chosen = [(run, history) for run, history in histories.items() if (run.data, run.mode) == (data, mode)]
    if name == "loss":
        return [statistics.fmean(history["loss"][-len(history["loss"]) // run.epochs :]) for run, history in chosen]
    if name == "linear":
        return [history["linear"] for _, history in chosen if "linear" in history]
    return [history["accuracy"][-1][1] for _, history in chosen]


def spread(values: list[float], scale: float, *, signed: bool = False) -> str:
    if not values:
        return "–"
    digits, unit = (1, " %" if not signed else "") if scale == 100 else (4, "")
    mean = f"{statistics.fmean(values):{'+' if signed else ''}.{digits}f}"
    return mean + (f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else "") + unit


def draw(histories: dict[Run, dict[str, Any]], path: Path) -> None:
    """For each data set the losses, their differences from the first mode, and accuracies: means over seeds. The grey
    band is how far seeds of the first mode lie apart, twice their standard deviation to either side.
    """
    import matplotlib.pyplot as plt

    sets = list(dict.fromkeys(run.data for run in histories))
    figure, rows = plt.subplots(len(sets), 3, figsize=(12, 3.4 * len(sets)), layout="constrained", squeeze=False)
    for data, (left, middle, right) in zip(sets, rows, strict=True):
        modes = list(dict.fromkeys(run.mode for run in histories if run.data == data))
        losses, scores = (
            {
                mode: np.array([h[name] for run, h in histories.items() if (run.data, run.mode) == (data, mode)])
                for mode in modes
            }
            for name in ("loss", "accuracy")
        )
        one = next(history for run, history in histories.items() if run.data == data)
        steps = np.arange(1, len(one["loss"]) + 1)
        for number, mode in enumerate(modes):
            style = {"color": f"C{number}", "label": LABELS[mode], "ls": ("-", "--", ":", "-.")[number]}
            left.plot(steps, losses[mode].mean(0), lw=1.2, **style)
            right.plot(scores[mode][0, :, 0], 100 * scores[mode][:, :, 1].mean(0), marker="o", ms=3, **style)
            if number:
                middle.plot(steps, (losses[mode] - losses[modes[0]]).mean(0), lw=0.8, **style)
        seeds = len(losses[modes[0]])
        if seeds > 1:
            apart = 2 * losses[modes[0]].std(0, ddof=1)
            middle.fill_between(steps, -apart, apart, color="grey", alpha=0.2, lw=0, label="seeds")
            apart = 200 * scores[modes[0]][:, :, 1].std(0, ddof=1)
            mean = 100 * scores[modes[0]][:, :, 1].mean(0)
            right.fill_between(
                scores[modes[0]][0, :, 0], mean - apart, mean + apart, color="grey", alpha=0.2, lw=0, label="seeds"
            )
        left.axhline(one["chance"], color="grey", lw=0.8, ls=":", label="chance")
        middle.axhline(0, color="grey", lw=0.8)
        left.set(xlabel="step", ylabel="loss", title=f"loss, {TITLES[data]}")
        middle.set(xlabel="step", title=f"loss − that of {LABELS[modes[0]]}")
        right.set(xlabel="step", ylabel="%", title=f"nearest neighbour, {one['images'][1]:,} held out")
        left.legend()
        right.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
