"""Writes python.safetensors with the reference package, and what it holds to python_safetensors.json, as bits.

Run: python make_safetensors.py (safetensors 0.8, NumPy 2). Given a file, it lists what the package reads in it.
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors import TensorSpec, serialize_file
from safetensors.numpy import load_file

HERE = Path(__file__).parent


def upper_halves(values: np.ndarray) -> np.ndarray:
    """bfloat16 as NumPy has none."""
    return (np.asarray(values, "<f4").view("<u4") >> 16).astype("<u2")


def widened(kind: str, values: np.ndarray) -> np.ndarray:
    if kind == "bfloat16":
        return (values.astype("<u4") << 16).view("<f4")
    with np.errstate(over="ignore"):
        return values.astype("<f4")


TENSORS = {
    "encoder.norm.weight": ("float32", np.linspace(-1, 1, 6, dtype="<f4").reshape(2, 3)),
    "half": ("float16", np.array([0, -0.0, 1 / 3, -65504, 6e-8, np.inf, 2.5e-5], "<f2")),
    "brain": ("bfloat16", upper_halves([[1.5, -2.0], [3e38, 1e-40]])),
    "double": ("float64", np.array([np.pi, -1e300, 1e-3], "<f8")),
    "counter": ("int64", np.array([-1, 2**40], "<i8")),
    "mask": ("bool", np.array([True, False, True])),
    "scalar": ("float32", np.array(2.5, "<f4")),
    "empty": ("float32", np.zeros((0, 4), "<f4")),
}


def write() -> None:
    specs = {
        name: TensorSpec(dtype=kind, shape=values.shape, data_ptr=values.ctypes.data, data_len=values.nbytes)
        for name, (kind, values) in TENSORS.items()
    }
    serialize_file(specs, HERE / "python.safetensors", metadata={"format": "np", "städte": 'a "b"\n\\'})
    expected = {
        name: {"shape": list(values.shape), "bits": widened(kind, values).view("<u4").ravel().tolist()}
        for name, (kind, values) in TENSORS.items()
        if kind not in ("int64", "bool")
    }
    (HERE / "python_safetensors.json").write_text(json.dumps(expected, sort_keys=True) + "\n")


if len(sys.argv) > 1:
    for name, values in sorted(load_file(sys.argv[1]).items()):
        print(name, values.dtype, values.shape, values.ravel().tolist())
else:
    write()
