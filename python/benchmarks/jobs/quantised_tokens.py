"""Tokens of an exported encoder, quantised in one of the ways of jobs/quantising.py or as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jobs import Prepared
from jobs.quantising import QUANTISED, WAYS
from jobs.runtimes import onnxruntime_model, openvino_model

# Dynamic quantisation takes one range for a whole batch: images are computed as they would be alone.
BATCH = 1


def prepare(job: dict[str, Any]) -> Prepared:
    """Write the tokens of the images of inputs.npz as `<way>.npy`."""
    folder, way = Path(job["folder"]), job["way"]
    model = folder / "encoder.onnx"
    if way in WAYS:
        WAYS[way](folder)
        model = folder / QUANTISED[way]
    compute = (
        openvino_model(model, job["threads"], "bf16") if way == "nncf" else onnxruntime_model(model, job["threads"])
    )
    images = np.load(folder / "inputs.npz")["images"]
    tokens = [np.array(compute(images[start : start + BATCH])) for start in range(0, len(images), BATCH)]
    np.save(folder / f"{way}.npy", np.concatenate(tokens))
    return Prepared({})
