"""Who is compared with whom, on what work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import work
from latentmim import bench
from latentmim import runtime as core

PRECISIONS = ("float32", "bf16", "int8")
FLOATS = PRECISIONS[:2]
# What the library computes beside eight bits on this machine.
BESIDE = core.precisions()[-1]
LOSS_LIMITS = (1e-4, 1e-2)
INT8_LOSS_LIMIT = 3e-2
# Random weights are quantised without harm: what eight bits cost is measured on real ones, by quantisation.py.
INT8_LIMIT = 0.2
QUANTISED = (
    ("openvino", "OpenVINO", "nncf"),
    ("onnxruntime", "ONNX Runtime", "dynamic"),
    ("onnxruntime", "ONNX Runtime", "static"),
)


@dataclass(frozen=True)
class Contender:
    """A library in one of its modes.

    Attributes:
        library: whose it is; "latentmim" runs in the library's own environment.
        mode: which of its modes.
        precision: "float32", "bf16" or "int8".
        job: what its worker is told, beside the workload's.
        limit: largest `error` against the reference with which it counts as computing the same.
        tcmalloc: whether that allocator is preloaded.

    """

    library: str
    mode: str
    precision: str
    job: dict[str, Any] = field(hash=False)
    limit: float = float("inf")
    tcmalloc: bool = False

    @property
    def name(self) -> str:
        """As it stands in tables."""
        return " ".join(filter(None, [self.library, self.mode, "with tcmalloc" if self.tcmalloc else ""]))

    @property
    def is_own(self) -> bool:
        """Whether it is this library."""
        return self.library == "latentmim"


@dataclass(frozen=True)
class Workload:
    """One table: the work, and the heats in which contenders alternate.

    Attributes:
        row: of the command's `--rows`.
        mark: where docs/performance.md has its table.
        title: above the table.
        kind: what workers prepare.
        options: of the model, as keywords of `latentmim.LatentMIM`.
        batch: images of one execution.
        flops: operations per image of a configuration.
        heats: contenders that run alternately; the library's is in each, and memory bounds how many fit.
        cases: products, by name.

    """

    row: str
    mark: str
    title: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    batch: int = 1
    flops: Callable[[dict[str, Any]], int] | None = None
    heats: tuple[tuple[Contender, ...], ...] = ()
    cases: dict[str, tuple[str, int, int, int]] = field(default_factory=dict)


def own(precision: str, kind: str, limit: float = float("inf"), target_precision: str = "") -> Contender:
    """The library; in a step `target_precision` is that of its targets, if not `precision`."""
    job = {"module": "jobs.library", "kind": kind, "target_precision": target_precision}
    return Contender("latentmim", f"targets {target_precision}" * bool(target_precision), precision, job, limit)


def pytorch(mode: str, precision: str, kind: str, limit: float = float("inf"), tcmalloc: bool = False) -> Contender:
    """PyTorch in one of its modes: "eager", "sdpa", "compile"."""
    job = {"module": "jobs.pytorch", "kind": kind, "mode": mode}
    return Contender("PyTorch", mode, precision, job, limit, tcmalloc)


def runtime(
    name: str, library: str, precision: str, kind: str, limit: float = float("inf"), quantisation: str = ""
) -> Contender:
    """ONNX Runtime, OpenVINO or NumPy; `quantisation` names a way of jobs/quantising.py."""
    job = {"module": "jobs.runtimes", "kind": kind, "runtime": name, "quantisation": quantisation}
    return Contender(library, quantisation, precision, job, limit)


def own_step(precision: str, limit: float) -> tuple[Contender, ...]:
    """The library's step in a precision; beside the best of floats its steps in eight bits, which others have not."""
    plain = own(precision, "step", limit)
    if precision != BESIDE:
        return (plain,)
    return plain, own(BESIDE, "step", INT8_LOSS_LIMIT, target_precision="int8"), own("int8", "step", INT8_LOSS_LIMIT)


def step_heats(quick: bool) -> Iterator[tuple[Contender, ...]]:
    """PyTorch's modes against the library's step, precision by precision, without and with tcmalloc."""
    for precision, limit in zip(FLOATS, LOSS_LIMITS, strict=True):
        for tcmalloc in (False,) if quick else (False, True):
            for modes in (("eager", "sdpa"),) if quick else (("eager", "sdpa"), ("compile",)):
                others = (pytorch(mode, precision, "step", limit, tcmalloc) for mode in modes)
                yield *own_step(precision, limit), *others


def features_heats(quick: bool) -> Iterator[tuple[Contender, ...]]:
    """Everybody against the library's features, precision by precision; in int8 against the library's floats, too."""
    for precision, limit in zip(FLOATS, (1e-4, 5e-2), strict=True):
        modes = ("eager", "sdpa") if quick else ("eager", "sdpa", "compile")
        others = [pytorch(mode, precision, "features", limit) for mode in modes]
        if precision == "float32":
            others.append(runtime("onnxruntime", "ONNX Runtime", precision, "features", limit))
        others.append(runtime("openvino", "OpenVINO", precision, "features", limit))
        yield own(precision, "features", limit), *others
    yield (
        own("int8", "features", INT8_LIMIT),
        own(BESIDE, "features", 5e-2),
        *(
            runtime(name, library, "int8", "features", INT8_LIMIT, quantisation=quantisation)
            for name, library, quantisation in QUANTISED
        ),
    )


def workloads(quick: bool) -> Iterator[Workload]:
    """All tables, in the order of docs/performance.md."""
    published = {"vit_small": "ViT-S/16"} | ({} if quick else {"vit_base": "ViT-B/16"})
    for size, name in published.items():
        title = f"training step of the published configuration, {name}, batch 32"
        heats = tuple(step_heats(quick))
        yield Workload("step", f"step {name[:5]}", title, "step", {"size": size}, 32, work.training_step, heats)
    for batch in (32, 1):
        title = f"features of 224×224 images, ViT-S/16, batch {batch}"
        # The encoder is the published one; decoder and projector have no part in it.
        options = {"size": "vit_small", "projector": "none"}
        yield Workload(
            "features",
            f"features {batch}",
            title,
            "features",
            options,
            batch,
            work.features,
            tuple(features_heats(quick)),
        )
    title = "training step of a small model (width 192, depth 12, 8×8 grid, patch 4, gap 1), batch 256"
    options = {"width": 192, "depth": 12, "heads": 3, "grid": 8, "patch_size": 4, "patch_gap": 1}
    options |= {"decoder_width": 128, "decoder_heads": 4, "projector_width": 512}
    heats = tuple(
        (*own_step(precision, limit), pytorch("eager", precision, "step", limit))
        for precision, limit in zip(FLOATS, LOSS_LIMITS, strict=True)
    )
    yield Workload("small", "small", title, "step", options, 256, work.training_step, heats)
    forms = ("forward", "input", "weight")
    cases = {f"{form} {m}, {n}, {k}": (form, m, n, k) for m, n, k in bench.SHAPES for form in forms}
    heats = tuple((own(precision, "products"), pytorch("", precision, "products")) for precision in FLOATS)
    numpy = runtime("numpy", "NumPy", "float32", "products")
    heats = ((*heats[0], numpy), heats[1])
    yield Workload("products", "products", "matrix products", "products", heats=heats, cases=cases)
    title = "reading photographs (JPEG of about 348×348 to normalised crops of 280×280), one thread"
    ways = {"library": "", "pillow": "Pillow, torchvision", "torchvision": "torchvision.io, v2"}
    jobs = {way: {"module": "jobs.photographs", "way": way} for way in ways}
    others = (Contender("PyTorch", mode, "float32", jobs[way]) for way, mode in ways.items() if mode)
    readers = (Contender("latentmim", "", "float32", jobs["library"]), *others)
    yield Workload("photographs", "photographs", title, "photographs", batch=32, heats=(readers,))
