"""PyTorch's side: plain ("eager"), with its fused attention ("sdpa") or compiled ("compile"), float32 or autocast."""

from __future__ import annotations

import functools
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jobs import Prepared, relative_error
from pytorch_reference import Features, Views
from pytorch_training import LatentMIM, Training

GAMMA = 0.75


def prepare(job: dict[str, Any]) -> Prepared:
    """The job's kind: step, features, products or export."""
    torch.set_num_threads(job["threads"])
    torch.set_num_interop_threads(1)
    torch.manual_seed(0)
    kinds = {"step": step, "features": features, "products": products, "export": export}
    prepared = kinds[job["kind"]](job)
    prepared.facts |= {"version": torch.__version__, "mkl": torch.backends.mkl.is_available()}
    return prepared


def load(module: torch.nn.Module, folder: str, optional: tuple[str, ...] = ()) -> None:
    """Take the workload's weights, by name; `optional` prefixes may be in the file alone."""
    with np.load(Path(folder, "weights.npz")) as arrays:
        wanted = dict(module.named_parameters())
        extra = {name for name in arrays if name not in wanted and not name.startswith(optional or ("\0",))}
        if extra or wanted.keys() - set(arrays):
            raise ValueError(f"names differ: {sorted(extra)} and {sorted(wanted.keys() - set(arrays))}")
        with torch.no_grad():
            for name, parameter in wanted.items():
                parameter.copy_(torch.from_numpy(arrays[name]))


def config_of(folder: str) -> dict[str, Any]:
    """The workload's options."""
    return json.loads(Path(folder, "config.json").read_text())


def step(job: dict[str, Any]) -> Prepared:
    """The training step, after its loss and every gradient's length have been compared with the library's."""
    folder = job["folder"]
    model = LatentMIM(config_of(folder), fused=job["mode"] == "sdpa")
    load(model, folder)
    with np.load(Path(folder, "inputs.npz")) as inputs:
        images = torch.from_numpy(inputs["images"])
        views = Views(*(torch.from_numpy(inputs[n]).long() for n in ("visible", "target", "offsets")))
    training = Training(model, job["precision"], compiled=job["mode"] == "compile")
    loss = training.loss_and_gradients(images, views, GAMMA)
    facts = {"loss": loss}
    with np.load(Path(folder, "results.npz")) as results:
        facts["error"] = abs(loss - float(results["loss"]))
        grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        norms = {n: float(torch.linalg.vector_norm(g, dtype=torch.float64)) for n, g in grads.items()}
        total = sum(norm**2 for norm in norms.values()) ** 0.5
        # Gradients that are zero but for rounding (a key's bias) are judged by the length of the whole.
        differences = {n: abs(norm - results[f"norm:{n}"]) / (norm + 1e-4 * total) for n, norm in norms.items()}
        facts["gradient_error"] = float(max(differences.values()))
    return Prepared({"": lambda: training.step(images, views, GAMMA)}, facts)


def features_model(job: dict[str, Any]) -> tuple[torch.nn.Module, torch.Tensor, Any]:
    """The encoder in inference mode, its images, and the features wanted."""
    folder = job["folder"]
    model = Features(config_of(folder), fused=job["mode"] == "sdpa").eval().requires_grad_(False)
    load(model, folder, optional=("encoder.head", "target_encoder", "decoder"))
    images = torch.from_numpy(np.load(Path(folder, "inputs.npz"))["images"])
    return model, images, np.load(Path(folder, "results.npz"))["features"]


def features(job: dict[str, Any]) -> Prepared:
    """Features of normalised images."""
    model, images, wanted = features_model(job)
    compute = torch.compile(model) if job["mode"] == "compile" else model
    autocast: AbstractContextManager = torch.autocast("cpu", torch.bfloat16, enabled=job["precision"] == "bf16")

    def run() -> torch.Tensor:
        with torch.inference_mode(), autocast:
            return compute(images)

    return Prepared({"": run}, {"error": relative_error(run().float().numpy(), wanted)})


def export(job: dict[str, Any]) -> Prepared:
    """Write the encoder as ONNX, for the other runtimes."""
    model, images, _ = features_model(job | {"mode": "eager"})
    target = Path(job["folder"], "encoder.onnx")
    torch.onnx.export(model, (images,), target, dynamo=False, input_names=["images"], output_names=["features"])
    return Prepared({})


def products(job: dict[str, Any]) -> Prepared:
    """X·Wᵀ, dY·W and dYᵀ·X into memory that is there already."""
    dtype = torch.bfloat16 if job["precision"] == "bf16" else torch.float32

    @functools.cache
    def operands(m: int, n: int, k: int) -> tuple[torch.Tensor, ...]:
        return tuple(torch.rand(shape).to(dtype) for shape in ((m, k), (n, k), (m, n)))

    def product(form: str, m: int, n: int, k: int) -> Any:
        x, w, dy = operands(m, n, k)
        left, right = {"forward": (x, w.T), "input": (dy, w), "weight": (dy.T, x)}[form]
        out = torch.empty(left.shape[0], right.shape[1], dtype=dtype)
        return lambda: torch.mm(left, right, out=out)

    return Prepared({name: product(*case) for name, case in job["cases"].items()})
