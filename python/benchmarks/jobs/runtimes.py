"""ONNX Runtime's and OpenVINO's sides: the exported encoder, as it is or quantised; and NumPy's products."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jobs import Prepared, relative_error
from jobs.quantising import QUANTISED


def prepare(job: dict[str, Any]) -> Prepared:
    """By `job["runtime"]`."""
    return {"onnxruntime": onnxruntime, "openvino": openvino, "numpy": numpy}[job["runtime"]](job)


def _model_and_data(job: dict[str, Any]) -> tuple[Path, Any, Any]:
    folder = Path(job["folder"])
    images = np.load(folder / "inputs.npz")["images"]
    model = QUANTISED[job["quantisation"]] if job["quantisation"] else "encoder.onnx"
    return folder / model, images, np.load(folder / "results.npz")["features"]


def onnxruntime_model(path: Path, threads: int) -> Callable[[Any], Any]:
    """ONNX Runtime, all graph optimisations (its default).

    With a number of threads set it leaves the process's core mask as it is.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


def openvino_model(path: Path, threads: int, precision: str) -> Callable[[Any], Any]:
    """OpenVINO, in "float32" or "bf16" by its hint; of a quantised model what is not quantised."""
    import openvino as ov

    hints = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bf16": "bf16"}[precision],
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = ov.Core().compile_model(path, "CPU", hints).create_infer_request()
    return lambda images: request.infer({"images": images}, share_inputs=True, share_outputs=True)[0]


def onnxruntime(job: dict[str, Any]) -> Prepared:
    """ONNX Runtime's features."""
    import onnxruntime as ort

    path, images, wanted = _model_and_data(job)
    compute = onnxruntime_model(path, job["threads"])
    error = relative_error(compute(images), wanted)
    return Prepared({"": lambda: compute(images)}, {"version": ort.__version__, "error": error})


def openvino(job: dict[str, Any]) -> Prepared:
    """OpenVINO's."""
    import openvino as ov

    path, images, wanted = _model_and_data(job)
    compute = openvino_model(path, job["threads"], "float32" if job["precision"] == "float32" else "bf16")
    error = relative_error(compute(images), wanted)
    return Prepared({"": lambda: compute(images)}, {"version": ov.__version__, "error": error})


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
