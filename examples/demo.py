"""The main job on real photographs in a few minutes: pre-train without labels, then look at what was learned.

    python examples/demo.py                       # grocery photographs, with accuracies
    python examples/demo.py --data my-photographs # your own photographs

Everything is left in one folder: config.json, metrics.jsonl, checkpoints/, encoder.safetensors and pictures/.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import groceries

import latentmim as lm
from latentmim.pretraining import recipe

COMMITTED = Path(__file__).parent / "photographs"


def main() -> None:
    arguments = _arguments()
    start = time.monotonic()
    train, held_out = _data(arguments.data)
    print(f"training on {train}" + (f", held out: {held_out}" if held_out else ""))

    model_options, training_options = recipe(train)
    model = lm.LatentMIM(**model_options, seed=0)
    speed = _images_per_second(train, model_options, training_options)
    epochs = max(2, round(arguments.minutes * 60 * speed / len(train)))
    print(f"{speed:.0f} images/s: {epochs} epochs fit into {arguments.minutes:g} minutes\n")

    scores = {}
    if held_out:
        scores["raw pixels, 8×8"] = lm.evaluate.pixels_nearest_neighbor(held_out, 8, short_side=0)
        scores["untrained encoder"] = _score(model, held_out)
    trainer = lm.Trainer(model, train, out=arguments.out, **{**training_options, "epochs": epochs})
    trainer.fit(resume=False)
    lm.plot.run(trainer, held_out)
    if held_out:
        scores["trained encoder"] = _score(model, held_out)
        print(f"\nnearest neighbour on {len(held_out)} held-out images, {len(held_out.classes)} classes:")
        for name, score in scores.items():
            print(f"  {name:18} {score.accuracy:6.1%}")

    last = trainer.history[-1]
    print(
        f"\nloss {last['loss']:.3f} (chance {model.chance_loss:.3f}), similarity between images "
        f"{last['similarity_images']:.2f} (1 is collapse)\n{time.monotonic() - start:.0f} s; all is in {arguments.out}:"
    )
    for path in sorted(Path(arguments.out).rglob("*")):
        if path.is_file():
            print(f"  {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="a folder of image files; the grocery photographs if not given")
    parser.add_argument("--out", default="runs/demo", help="where everything is left")
    parser.add_argument("--minutes", type=float, default=2.7, help="how long to train")
    return parser.parse_args()


def _data(folder: str | None) -> tuple[lm.ImageFolder, lm.ImageFolder | None]:
    """What to train on, and what to be scored on where there are labels."""
    if folder:
        return lm.ImageFolder(folder, on_error="skip"), None
    try:
        root = groceries.folder()
    except groceries.Unavailable as reason:
        print(f"the grocery photographs cannot be fetched ({reason}):\nthe 56 photographs beside this script must do")
        return lm.ImageFolder(COMMITTED / "train"), lm.ImageFolder(COMMITTED / "held-out")
    return lm.ImageFolder(root / "train"), lm.ImageFolder(root / "test")


def _score(model: lm.LatentMIM, images: lm.ImageFolder) -> lm.evaluate.Result:
    """The `nn` score on whole images: the photographs are framed already, their edges are not cut off."""
    return lm.evaluate.nearest_neighbor(model.encoder, images, size=model.config.image_size, short_side=0)


def _images_per_second(data: lm.ImageFolder, model_options: dict, training_options: dict) -> float:
    """How fast this machine trains: the median of a few steps of a model that is thrown away, warmed up."""
    trainer = lm.Trainer(lm.LatentMIM(**model_options), data, **{**training_options, "epochs": 6})
    speeds = [metrics["images_per_second"] for metrics, _ in zip(trainer, range(6), strict=False)]
    return statistics.median(speeds[3:])


if __name__ == "__main__":
    main()
