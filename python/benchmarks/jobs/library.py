"""The library's side. It also makes what all others are given: weights, images, views, and the results to reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import latentmim as lm
from jobs import Prepared, Skip, fixed_images, relative_error

GAMMA = 0.75


def prepare(job: dict[str, Any]) -> Prepared:
    """The job's kind: reference, step, features, products or peak."""
    lm.set_thread_count(job["threads"])
    kinds = {"reference": reference, "step": step, "features": features, "products": products, "peak": peak}
    prepared = kinds[job["kind"]](job)
    prepared.facts |= {"version": lm.__version__, "instructions": lm.runtime.instruction_set()}
    return prepared


def with_precision(make: Any, precision: str, *arguments: Any, **options: Any) -> Any:
    """`make` with the keyword `precision`; where the library does not know it yet, float32 is what it has."""
    try:
        return make(*arguments, precision=precision, **options)
    except (TypeError, ValueError) as error:
        if "precision" not in str(error):
            raise
        if precision != "float32":
            raise Skip(f"this version of the library refuses precision={precision!r}") from None
    return make(*arguments, **options)


def new_model(options: dict[str, Any], precision: str) -> lm.LatentMIM:
    """A model of the workload's options, `size` among them."""
    return with_precision(lm.LatentMIM, precision, seed=0, **options)


def reference(job: dict[str, Any]) -> Prepared:
    """Write what contenders start from, and float32 results that they must reach, into the workload's folder.

    All weights are moved off their initial values, so that no bias, norm or token hides at zero or one.
    """
    folder, batch = Path(job["folder"]), job["batch"]
    model = new_model(job["options"], "float32")
    rng = np.random.default_rng(1)
    start = model.parameters()
    moved = {n: v + rng.normal(scale=0.2 if v.ndim == 1 else 0.01, size=v.shape) for n, v in start.items()}
    model.load_parameters({name: value.astype(np.float32) for name, value in moved.items()})
    np.savez(folder / "weights.npz", **model.parameters())
    config = model.config
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    if job["of"] == "features":
        model.encoder.save(folder / "encoder.safetensors")
        images = fixed_images(batch, *config.image_size, config.channels)
        normalised = (images / np.float32(255) - np.float32(config.mean)) / np.float32(config.std)
        np.savez(folder / "inputs.npz", images=normalised.astype(np.float32))
        np.savez(folder / "results.npz", features=model.encoder.features(images))
        return Prepared({})
    views = lm.masking.sample(config, batch, seed=0)
    crops = lm.Arrays(fixed_images(batch, *config.crop_size, config.channels)).crops(config, indices=range(batch))
    np.savez(folder / "inputs.npz", images=crops, **{n: getattr(views, n) for n in ("visible", "target", "offsets")})
    loss, _ = model.loss(crops, views, gamma=GAMMA)
    norms = {f"norm:{name}": np.linalg.norm(value.astype(np.float64)) for name, value in model.gradients().items()}
    np.savez(folder / "results.npz", loss=loss, **norms)
    return Prepared({}, {"loss": loss})


def step(job: dict[str, Any]) -> Prepared:
    """The trainer's step as users run it: crops, views and metrics included, which others are spared.

    With `check` the loss of the workload's inputs instead, in a process of its own so that no memory is counted.
    """
    model = new_model(job["options"], job["precision"])
    if job.get("check"):
        model.load_parameters(dict(np.load(Path(job["folder"], "weights.npz"))))
        inputs = np.load(Path(job["folder"], "inputs.npz"))
        views = lm.Views(inputs["visible"], inputs["target"], inputs["offsets"])
        wanted = float(np.load(Path(job["folder"], "results.npz"))["loss"])
        loss, _ = model.loss(inputs["images"], views, gamma=GAMMA)
        return Prepared({}, {"loss": loss, "error": abs(loss - wanted)})
    images = fixed_images(job["batch"], *model.config.crop_size, model.config.channels)
    trainer = lm.Trainer(model, images, epochs=100_000, batch_size=job["batch"], base_learning_rate=1e-5)
    return Prepared({"": lambda: dict(trainer.step() or {})})


def features(job: dict[str, Any]) -> Prepared:
    """`encoder.features` of uint8 images, normalised on the way."""
    encoder = with_precision(lm.load_encoder, job["precision"], Path(job["folder"], "encoder.safetensors"))
    images = fixed_images(job["batch"], *encoder.config.image_size, encoder.config.channels)
    error = relative_error(encoder.features(images), np.load(Path(job["folder"], "results.npz"))["features"])
    return Prepared({"": lambda: encoder.features(images)}, {"error": error})


def products(job: dict[str, Any]) -> Prepared:
    """Products by `lm.runtime.product(form, m, n, k, precision)`, which prepares one and gives what executes it."""
    make = getattr(lm.runtime, "product", None)
    if make is None:
        raise Skip("this version of the library exposes no products (lm.runtime.product)")
    return Prepared({name: make(*case, precision=job["precision"]) for name, case in job["cases"].items()})


def peak(job: dict[str, Any]) -> Prepared:
    """The machine's limit by `lm.runtime.peak(precision)`, GFLOP/s of a loop in registers on all threads."""
    measure = getattr(lm.runtime, "peak", None)
    if measure is None:
        raise Skip("this version of the library measures no peak (lm.runtime.peak)")
    return Prepared({precision: lambda p=precision: float(measure(p)) for precision in ("float32", "bf16")})
