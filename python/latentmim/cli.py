"""The command line: `latentmim pretrain | evaluate | segment | reproduce | inspect | bench`."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import latentmim as lm
from latentmim import _arrays
from latentmim.evaluate import command
from latentmim.reproduce import command as reproduction

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 1 with the error printed, or 130 on Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Paths are printed in the bytes that they came in.
        sys.stdout.reconfigure(errors="surrogateescape")
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except KeyboardInterrupt:
        return 130
    except (ValueError, TypeError, OSError, FloatingPointError, lm.CollapseError, MemoryError, ImportError) as error:
        print(f"latentmim {chosen.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="latentmim", description="Latent Masked Image Modeling on CPUs.")
    parser.add_argument("--version", action="version", version=f"latentmim {lm.__version__}")
    parser.add_argument("--threads", type=int, help="threads that compute (default: one a core)")
    commands = parser.add_subparsers(dest="command", required=True)

    pretrain = commands.add_parser(
        "pretrain", help=f"train on a folder of image files ({', '.join(lm.data.formats())})"
    )
    pretrain.add_argument("folder")
    pretrain.add_argument("--out", required=True, help="folder of the run; run again to go on")
    pretrain.add_argument("--size", help="vit_tiny … vit_huge (default: by the number of images)")
    pretrain.add_argument("--preset", choices=lm.config.PRESETS, default="official")
    pretrain.add_argument("--epochs", type=int)
    pretrain.add_argument("--batch-size", type=int)
    pretrain.add_argument("--validation", help="folder with a sub-folder for each class")
    pretrain.add_argument("--seed", type=int, default=0)
    pretrain.add_argument("--skip-unreadable", action="store_true", help="leave out files that cannot be read")
    pretrain.add_argument("--restart", action="store_true", help="start over; a run that is there is set aside")
    pretrain.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other option, e.g. patch_gap=2 (repeatable)",
    )
    pretrain.set_defaults(run=_pretrain)

    evaluate = commands.add_parser("evaluate", help="score features on a folder with a sub-folder for each class")
    command.add_options(evaluate)
    evaluate.set_defaults(run=_evaluate)

    segment = commands.add_parser("segment", help="divide an image into segments and draw them")
    segment.add_argument("weights")
    segment.add_argument("image", help="an image file")
    segment.add_argument("--out", default="segments.png", help="picture to write (default: segments.png)")
    segment.add_argument("--segments", type=int, default=6)
    segment.add_argument("--linkage", choices=["ward", "average", "complete", "single"], default="ward")
    segment.add_argument("--connectivity", action="store_true", help="segments hang together")
    segment.add_argument("--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="compute at this size")
    segment.set_defaults(run=_segment)

    reproduce = commands.add_parser("reproduce", help="the paper's tables again, at a scale that fits the time given")
    reproduction.add_options(reproduce)
    reproduce.set_defaults(run=_reproduce)

    inspect = commands.add_parser("inspect", help="what a checkpoint or a run holds")
    inspect.add_argument("path", help="a checkpoint, encoder.safetensors, .pth, config.json, or the folder of a run")
    inspect.add_argument("--preset", choices=lm.config.PRESETS, default="official", help="what to compare with")
    inspect.set_defaults(run=_inspect)

    bench = commands.add_parser("bench", help="how fast this machine is, and where a step's time goes")
    bench.add_argument("--parts", default="products,features,step", help="comma-separated (default: %(default)s)")
    bench.add_argument("--size", default="vit_small", help="vit_tiny … vit_huge (default: %(default)s)")
    bench.add_argument("--batch", type=int, default=32, help="images of a training step (default: %(default)s)")
    bench.add_argument("--precision", choices=["float32", "bf16"], help="one alone (default: all this machine has)")
    bench.add_argument("--repeats", type=int, default=5, help="medians are of so many (default: %(default)s)")
    bench.add_argument("--recompute", action="store_true", help="measure the step with recomputed blocks")
    bench.add_argument("--data", help="a folder of image files: measure reading them, too")
    bench.add_argument("--json", metavar="FILE", help="write the figures there; - for the standard output")
    bench.set_defaults(run=_bench)
    return parser


def _set_threads(chosen: argparse.Namespace) -> None:
    if chosen.threads is not None:
        lm.set_thread_count(chosen.threads)


def _pretrain(chosen: argparse.Namespace) -> None:
    _set_threads(chosen)
    options: dict[str, Any] = dict(map(_setting, chosen.set))
    if chosen.epochs is not None:
        options["epochs"] = chosen.epochs
    if chosen.batch_size is not None:
        options["batch_size"] = chosen.batch_size
    photos = lm.ImageFolder(chosen.folder, on_error="skip" if chosen.skip_unreadable else "fail")
    resume: Any = False if chosen.restart else "auto"
    lm.pretrain(
        photos, chosen.out, size=chosen.size, preset=chosen.preset, validation=chosen.validation, seed=chosen.seed,
        resume=resume, **options,
    )  # fmt: skip
    for path, reason in photos.skipped:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    print(chosen.out)


def _setting(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"--set {text}: wanted NAME=VALUE")
    try:
        return name.replace("-", "_"), json.loads(value)
    except ValueError:
        return name.replace("-", "_"), value


def _evaluate(chosen: argparse.Namespace) -> None:
    _set_threads(chosen)
    command.run(chosen, dict(map(_setting, chosen.set)))


def _reproduce(chosen: argparse.Namespace) -> None:
    _set_threads(chosen)
    reproduction.run(chosen)


def _segment(chosen: argparse.Namespace) -> None:
    _set_threads(chosen)
    image = lm.load_image(chosen.image)
    encoder = lm.load_encoder(chosen.weights)
    found = lm.segment(
        encoder, image, chosen.segments, linkage=chosen.linkage, connectivity=chosen.connectivity,
        size=tuple(chosen.size) if chosen.size else "nearest",
    )  # fmt: skip
    lm.plot.segments(image, found).savefig(_arrays.path(chosen.out), dpi=150)
    print(chosen.out)


def _inspect(chosen: argparse.Namespace) -> None:
    path = _arrays.path(chosen.path)
    if os.path.isdir(path):
        path = os.path.join(path, "config.json")
    if path.endswith(".json"):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        config = lm.ModelConfig.from_json(json.dumps(content.get("model", content)))
    else:
        encoder = lm.load_encoder(path)
        print(repr(encoder), end="\n\n")
        config = encoder.config
    print(config)
    difference = config.difference(chosen.preset)
    print(
        f"\ndifferent from the published model ('{chosen.preset}'):"
        if difference
        else f"\nas published ('{chosen.preset}')"
    )
    for name, (here, there) in difference.items():
        print(f"  {name}: {here}, published {there}")


def _bench(chosen: argparse.Namespace) -> None:
    from latentmim import bench

    _set_threads(chosen)
    parts = set(chosen.parts.split(","))
    if unknown := parts - {"products", "features", "step"}:
        raise ValueError(f"--parts: unknown {', '.join(sorted(unknown))}, wanted products, features, step")
    if chosen.repeats < 1 or chosen.batch < 1:
        raise ValueError("--repeats and --batch: wanted at least 1")
    results: dict[str, Any] = {"machine": bench.machine()}
    precisions = [chosen.precision] if chosen.precision else lm.runtime.precisions()
    options = {"size": chosen.size, "repeats": chosen.repeats}
    if "products" in parts:
        found = (p for precision in precisions for p in bench.products(precision, repeats=chosen.repeats))
        results["products"] = [product._asdict() for product in found]
    if "features" in parts:
        pairs = [(precision, batch) for precision in precisions for batch in (32, 1)]
        results["features"] = [bench.features(batch=batch, precision=p, **options) for p, batch in pairs]
    if "step" in parts:
        steps = {"batch": chosen.batch, "recompute": chosen.recompute, **options}
        # Those that take less memory first: the peaks reported are the whole process's.
        results["steps"] = [bench.step(precision=precision, **steps) for precision in reversed(precisions)]
    if chosen.data:
        results["loader"] = bench.loader(chosen.data)
    if chosen.json == "-":
        print(json.dumps(results, indent=1))
        return
    for line in bench.report(results):
        print(line)
    if chosen.json:
        with open(_arrays.path(chosen.json), "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    sys.exit(main())
