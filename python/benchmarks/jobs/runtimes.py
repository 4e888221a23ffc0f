"""ONNX Runtime's and OpenVINO's sides: the encoder that PyTorch exported, and NumPy's products."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from jobs import Prepared, relative_error


def prepare(job: dict[str, Any]) -> Prepared:
    """By `job["runtime"]`."""
    return {"onnxruntime": onnxruntime, "openvino": openvino, "numpy": numpy}[job["runtime"]](job)


def _model_and_data(job: dict[str, Any]) -> tuple[Path, Any, Any]:
    folder = Path(job["folder"])
    images = np.load(folder / "inputs.npz")["images"]
    return folder / "encoder.onnx", images, np.load(folder / "results.npz")["features"]


def onnxruntime(job: dict[str, Any]) -> Prepared:
    """ONNX Runtime, all graph optimisations (its default)."""
    import onnxruntime as ort

    path, images, wanted = _model_and_data(job)
    options = ort.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run() -> Any:
        return session.run(None, {"images": images})[0]

    return Prepared({"": run}, {"version": ort.__version__, "error": relative_error(run(), wanted)})


def openvino(job: dict[str, Any]) -> Prepared:
    """OpenVINO, in the precision asked for by its hint."""
    import openvino as ov

    path, images, wanted = _model_and_data(job)
    hints = {
        "INFERENCE_NUM_THREADS": job["threads"],
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bf16": "bf16"}[job["precision"]],
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = ov.Core().compile_model(path, "CPU", hints).create_infer_request()

    def run() -> Any:
        return request.infer({"images": images}, share_inputs=True, share_outputs=True)[0]

    return Prepared({"": run}, {"version": ov.__version__, "error": relative_error(run(), wanted)})


def numpy(job: dict[str, Any]) -> Prepared:
    """NumPy's products, OpenBLAS in its wheel."""
    rng = np.random.default_rng(0)

    @functools.cache
    def operands(m: int, n: int, k: int) -> tuple[Any, ...]:
        return tuple(rng.random(shape, np.float32) for shape in ((m, k), (n, k), (m, n)))

    def product(form: str, m: int, n: int, k: int) -> Any:
        x, w, dy = operands(m, n, k)
        left, right = {"forward": (x, w.T), "input": (dy, w), "weight": (dy.T, x)}[form]
        out = np.empty((left.shape[0], right.shape[1]), np.float32)
        return lambda: np.matmul(left, right, out=out)

    cases = {name: product(*case) for name, case in job["cases"].items()}
    return Prepared(cases, {"version": np.__version__})
