"""The library's side. It also makes what all others are given: weights, images, views, and the results to reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import latentmim as lm
from jobs import Prepared, Seconds, Skip, fixed_images, relative_error

GAMMA = 0.75


def prepare(job: dict[str, Any]) -> Prepared:
    """The job's kind: reference, step, features, products or peak."""
    lm.set_thread_count(job["threads"])
    kinds = {"reference": reference, "step": step, "features": features, "products": products, "peak": peak}
    prepared = kinds[job["kind"]](job)
    prepared.facts |= {"version": lm.__version__, "instructions": lm.runtime.instruction_set()}
    return prepared


def new_model(options: dict[str, Any]) -> lm.LatentMIM:
    """A model of the workload's options, `size` among them."""
    return lm.LatentMIM(seed=0, **options)


def reference(job: dict[str, Any]) -> Prepared:
    """Write what contenders start from, and float32 results that they must reach, into the workload's folder.

    All weights are moved off their initial values, so that no bias, norm or token hides at zero or one.
    """
    folder, batch = Path(job["folder"]), job["batch"]
    model = new_model(job["options"])
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
    model = new_model(job["options"])
    precisions = {"precision": job["precision"]}
    if job["target_precision"]:
        precisions["target_precision"] = job["target_precision"]
    if missing := set(precisions.values()) - set(lm.runtime.feature_precisions()):
        raise Skip(f"this processor has no {', '.join(sorted(missing))}")
    if job.get("check"):
        model.load_parameters(dict(np.load(Path(job["folder"], "weights.npz"))))
        inputs = np.load(Path(job["folder"], "inputs.npz"))
        views = lm.Views(inputs["visible"], inputs["target"], inputs["offsets"])
        wanted = float(np.load(Path(job["folder"], "results.npz"))["loss"])
        loss, _ = model.loss(inputs["images"], views, gamma=GAMMA, **precisions)
        return Prepared({}, {"loss": loss, "error": abs(loss - wanted)})
    images = fixed_images(job["batch"], *model.config.crop_size, model.config.channels)
    trainer = lm.Trainer(model, images, epochs=100_000, batch_size=job["batch"], base_learning_rate=1e-5, **precisions)
    return Prepared({"": lambda: dict(trainer.step() or {})})


def features(job: dict[str, Any]) -> Prepared:
    """`encoder.features` of uint8 images, normalised on the way."""
    encoder, precision = lm.load_encoder(Path(job["folder"], "encoder.safetensors")), job["precision"]
    if precision not in lm.runtime.feature_precisions():
        raise Skip(f"this processor has no {precision}")
    images = fixed_images(job["batch"], *encoder.config.image_size, encoder.config.channels)
    found = encoder.features(images, precision=precision)
    error = relative_error(found, np.load(Path(job["folder"], "results.npz"))["features"])
    return Prepared({"": lambda: encoder.features(images, precision=precision)}, {"error": error})


def products(job: dict[str, Any]) -> Prepared:
    """Products as the core times them itself, operands and results stored as its networks do."""
    kinds = {"forward": "forward", "input": "input_gradient", "weight": "weight_gradient"}

    def case(form: str, m: int, n: int, k: int) -> Any:
        def execute() -> Seconds:
            speed = lm.runtime.measure_product(kinds[form], m, n, k, precision=job["precision"], seconds=job["seconds"])
            return Seconds(2 * m * n * k / speed)

        return execute

    return Prepared({name: case(*sizes) for name, sizes in job["cases"].items()})


def peak(job: dict[str, Any]) -> Prepared:
    """The machine's limit, GFLOP/s of a loop in registers on all threads."""
    precisions = lm.runtime.feature_precisions()
    return Prepared({p: lambda p=p: lm.runtime.measure_peak(p) / 1e9 for p in precisions}, {"precisions": precisions})
