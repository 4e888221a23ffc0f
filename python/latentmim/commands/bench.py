"""`latentmim bench`: how fast this machine is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from latentmim import _arrays, runtime

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim bench                                                     this machine: limit, products, features, a step
  latentmim bench --parts '' --data photos/                           reading files alone"""

PARTS = ("products", "features", "step")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated, '' for none (default: %(default)s)")
    parser.add_argument("--size", default="vit_small", help="vit_tiny … vit_huge (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="images of a training step (default: %(default)s)")
    exact = ["float32", "bf16", "int8"]
    parser.add_argument("--precision", choices=exact, help='one alone (default: those that "auto" chooses from)')
    parser.add_argument("--target-precision", choices=exact, help="of targets, in a step (default: --precision)")
    parser.add_argument("--repeats", type=int, default=5, help="medians are of so many (default: %(default)s)")
    parser.add_argument("--recompute", action="store_true", help="measure the step with recomputed blocks")
    parser.add_argument(
        "--data",
        help="a folder of image files: measure reading them, too, beside torchvision and Pillow where they are",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there; - for the standard output")


def run(chosen: argparse.Namespace) -> None:
    """Measure, and print a table or JSON."""
    from latentmim import bench

    parts = set(filter(None, chosen.parts.split(",")))
    if unknown := parts - set(PARTS):
        raise ValueError(f"--parts: unknown {', '.join(sorted(unknown))}, wanted {', '.join(PARTS)}")
    if chosen.repeats < 1 or chosen.batch < 1:
        raise ValueError("--repeats and --batch: wanted at least 1")
    results = _measured(chosen, parts)
    if chosen.json == "-":
        print(json.dumps(results, indent=1))
        return
    for line in bench.report(results):
        print(line)
    if chosen.json:
        with open(_arrays.path(chosen.json), "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


def _measured(chosen: argparse.Namespace, parts: set[str]) -> dict[str, Any]:
    from latentmim import bench, bench_reading

    results: dict[str, Any] = {"machine": bench.machine()}
    precisions = [chosen.precision] if chosen.precision else runtime.precisions()
    of_features = [chosen.precision] if chosen.precision else runtime.feature_precisions()
    options = {"size": chosen.size, "repeats": chosen.repeats}
    if "products" in parts:
        found = (p for precision in precisions for p in bench.products(precision, repeats=chosen.repeats))
        results["products"] = [product._asdict() for product in found]
    if "features" in parts:
        pairs = [(precision, batch) for precision in of_features for batch in (32, 1)]
        results["features"] = [bench.features(batch=batch, precision=p, **options) for p, batch in pairs]
    if "step" in parts:
        steps = {
            "batch": chosen.batch, "recompute": chosen.recompute, "target_precision": chosen.target_precision, **options
        }  # fmt: skip
        # Those that take less memory first: the peaks reported are the whole process's.
        results["steps"] = [bench.step(precision=precision, **steps) for precision in reversed(precisions)]
    if chosen.data:
        results["reading"] = bench_reading.reading(chosen.data)
    return results
