"""How fast this machine is: its limit, products, a training step and where its time goes, features, reading files.

Every figure stands beside the limit measured around it: a loop of multiply-adds in registers, on the same threads.
Speeds of a shared machine drift; shares of the limit drift less.
"""

from __future__ import annotations

import resource
import statistics
import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from latentmim import bench_reading, runtime
from latentmim.model import LatentMIM
from latentmim.reports import processor
from latentmim.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Product", "features", "machine", "products", "report", "step"]

Precision = Literal["float32", "bf16", "int8"]
Kind = Literal["forward", "input_gradient", "weight_gradient"]

KINDS: tuple[Kind, ...] = ("forward", "input_gradient", "weight_gradient")
# Rows, output and input width: the linear maps of the published form at ViT-S, batch 32, and two of ViT-B.
SHAPES = (
    (5664, 384, 384),
    (5664, 1536, 384),
    (5664, 384, 1536),
    (5664, 4096, 384),
    (5664, 4096, 4096),
    (672, 4096, 4096),
    (5664, 2048, 512),
    (11328, 3072, 768),
)


class Product(NamedTuple):
    """One product: its kind, sizes, operations a second, and the share of the limit.

    Examples:
        >>> from latentmim import bench
        >>> next(bench.products(repeats=1, seconds=0.01)).flops > 0
        True

    """

    kind: str
    rows: int
    out_width: int
    in_width: int
    precision: str
    flops: float
    share: float


def machine() -> dict[str, Any]:
    """The processor, threads and instruction set in use, and the limit at each precision, operations a second.

    Examples:
        >>> from latentmim import bench
        >>> "threads" in bench.machine()
        True

    """
    limits = {precision: limit(precision) for precision in runtime.feature_precisions()}
    return {
        "processor": processor(),
        "threads": runtime.thread_count(),
        "instruction_set": runtime.instruction_set(),
        "peak_flops": limits,
    }


def limit(precision: Precision, seconds: float = 0.3) -> float:
    """Operations a second in registers only: the best of five."""
    return max(runtime.measure_peak(precision, seconds=seconds / 5) for _ in range(5))


def products(precision: Precision = "float32", *, repeats: int = 5, seconds: float = 0.1) -> Iterator[Product]:
    """The three products of each linear map in `SHAPES`, two in int8: medians of `repeats`, the limit measured around
    each.

    Examples:
        >>> from latentmim import bench
        >>> next(bench.products(repeats=1, seconds=0.01)).kind
        'forward'

    """
    for rows, out_width, in_width in SHAPES:
        for kind in KINDS[:2] if precision == "int8" else KINDS:

            def measure(kind: Kind = kind, sizes: tuple[int, int, int] = (rows, out_width, in_width)) -> float:
                return runtime.measure_product(kind, *sizes, precision=precision, seconds=seconds)

            speed, share = _beside_limit(measure, precision, repeats)
            yield Product(kind, rows, out_width, in_width, precision, speed, share)


def step(
    size: str = "vit_small",
    *,
    batch: int = 32,
    precision: Precision = "float32",
    target_precision: Precision | None = None,
    repeats: int = 5,
    recompute: bool = False,
) -> dict[str, Any]:
    """A training step of the published form on random images in memory: images a second, share of the limit, memory in
    bytes (predicted and taken by arrays, and the whole process's), and a profile by part and operation. The limit is
    that of `precision`.
    """
    images = np.random.default_rng(0).integers(0, 256, (batch, 300, 300, 3), np.uint8)
    targets: dict[str, Any] = {} if target_precision is None else {"target_precision": target_precision}
    trainer = Trainer(
        LatentMIM(size), images, epochs=10_000, batch_size=batch, precision=precision, recompute=recompute, **targets
    )
    estimate = trainer.memory_estimate()
    trainer.step()
    profiles: list[list[runtime.ProfileEntry]] = []

    def measure() -> float:
        with runtime.profile() as entries:
            start = time.perf_counter()
            trainer.step()
            seconds = time.perf_counter() - start
        profiles.append(entries)
        flops = sum(entry.flops for entry in entries)
        speeds.append((batch / seconds, seconds))
        return flops / seconds

    speeds: list[tuple[float, float]] = []
    speed, share = _beside_limit(measure, precision, repeats)
    middle = sorted(range(repeats), key=lambda i: speeds[i])[repeats // 2]
    return {
        "size": size,
        "batch": batch,
        "precision": precision,
        "target_precision": target_precision,
        "recompute": recompute,
        "images_per_second": statistics.median(images for images, _ in speeds),
        "flops": speed,
        "share": share,
        "arrays_predicted": estimate.total,
        "arrays_peak": runtime.memory().peak,
        "process_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "seconds": speeds[middle][1],
        "profile": [entry._asdict() for entry in profiles[middle]],
    }


def features(
    size: str = "vit_small", *, batch: int = 32, precision: Precision = "float32", repeats: int = 5
) -> dict[str, Any]:
    """Features of random 224×224 images: images a second, and the share of the precision's limit; in int8 the first
    block, the second one's MLP and attention are multiplied in bf16 all the same.

    Examples:
        >>> from latentmim import bench
        >>> bench.features("vit_tiny", batch=1, repeats=1)["images_per_second"] > 0
        True

    """
    encoder = LatentMIM(size, projector="none").encoder
    images = np.random.default_rng(0).random((batch, 224, 224, 3), np.float32)
    encoder.features(images, precision=precision)
    with runtime.profile() as entries:
        encoder.features(images, precision=precision)
    flops = sum(entry.flops for entry in entries)
    count = max(1, 16 // batch)

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(count):
            encoder.features(images, precision=precision)
        return count * flops / (time.perf_counter() - start)

    speed, share = _beside_limit(measure, precision, repeats)
    return {
        "size": size,
        "batch": batch,
        "precision": precision,
        "images_per_second": speed / flops * batch,
        "flops": speed,
        "share": share,
    }


def report(results: dict[str, Any]) -> Iterator[str]:
    """What `latentmim bench` prints of its results, line by line."""
    found = results["machine"]
    limits = ", ".join(f"{name} {value / 1e9:,.0f} GFLOP/s" for name, value in found["peak_flops"].items())
    yield f"{found['processor']}; {found['threads']} threads, {found['instruction_set']}; limit: {limits}"
    if results.get("products"):
        yield from _product_table([Product(**entry) for entry in results["products"]])
    for entry in results.get("features", ()):
        yield (
            f"features, {entry['size']}, batch {entry['batch']}, {entry['precision']}: "
            f"{entry['images_per_second']:.2f} images/s, {entry['share']:.0%} of the limit"
        )
    for entry in results.get("steps", ()):
        yield from _step_table(entry)
    if "reading" in results:
        yield ""
        yield from bench_reading.report(results["reading"])


def _product_table(found: list[Product]) -> Iterator[str]:
    yield "\nmatrix products: GFLOP/s, and the share of the limit"
    columns = sorted({(p.precision, p.kind) for p in found}, key=lambda c: (c[0] != "float32", KINDS.index(c[1])))
    yield " " * 20 + "".join(f"{f'{kind}, {precision}':>26}" for precision, kind in columns)
    cells = {(p.rows, p.out_width, p.in_width, p.precision, p.kind): p for p in found}
    for shape in SHAPES:
        row = [cells[*shape, *column] for column in columns if (*shape, *column) in cells]
        numbers = "".join(f"{f'{p.flops / 1e9:.0f} {p.share:>5.0%}':>26}" for p in row)
        yield f"{', '.join(map(str, shape)):20}{numbers}"


def _step_table(entry: dict[str, Any]) -> Iterator[str]:
    yield (
        f"\ntraining step, {entry['size']}, batch {entry['batch']}, {entry['precision']}"
        f"{', targets ' + entry['target_precision'] if entry['target_precision'] else ''}"
        f"{', recompute' if entry['recompute'] else ''}: {entry['images_per_second']:.2f} images/s, "
        f"{entry['share']:.0%} of the limit; arrays {entry['arrays_peak'] / 2**20:,.0f} MiB "
        f"(predicted {entry['arrays_predicted'] / 2**20:,.0f}), process {entry['process_peak'] / 2**20:,.0f} MiB"
    )
    yield f"{'part: operation':46}{'ms':>9}{'time':>7}{'GFLOP':>9}{'limit':>7}{'GB/s':>7}"
    limit_flops = entry["flops"] / entry["share"]
    rest = entry["seconds"] - sum(line["seconds"] for line in entry["profile"])
    for line in entry["profile"]:
        seconds = max(line["seconds"], 1e-9)
        share = f"{line['flops'] / seconds / limit_flops:.0%}" if line["flops"] else ""
        yield (
            f"{line['name']:46}{1e3 * seconds:9.1f}{seconds / entry['seconds']:7.1%}"
            f"{line['flops'] / 1e9:9.1f}{share:>7}{line['bytes'] / seconds / 1e9:7.1f}"
        )
    yield f"{'everything else':46}{1e3 * rest:9.1f}{rest / entry['seconds']:7.1%}"


def _beside_limit(measure: Callable[[], float], precision: Precision, repeats: int) -> tuple[float, float]:
    """Medians of a speed and of its share of the limit, which is measured before and after each repetition."""
    speeds, shares = [], []
    for _ in range(repeats):
        before = runtime.measure_peak(precision, seconds=0.05)
        speed = measure()
        after = runtime.measure_peak(precision, seconds=0.05)
        speeds.append(speed)
        shares.append(2 * speed / (before + after))
    return statistics.median(speeds), statistics.median(shares)
