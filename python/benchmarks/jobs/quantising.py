"""How others make eight bits of an encoder: by ONNX Runtime's tools, and by NNCF for OpenVINO.

Each reads encoder.onnx and the images of inputs.npz in a folder, and writes its model there under its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jobs import Prepared

# The file that each way writes.
QUANTISED = {"dynamic": "dynamic.onnx", "static": "static.onnx", "nncf": "nncf.xml"}
# Images that ranges are taken from.
CALIBRATION = 50


def prepare(job: dict[str, Any]) -> Prepared:
    """By `job["kind"]`: "dynamic", "static" or "nncf"."""
    WAYS[job["kind"]](Path(job["folder"]))
    return Prepared({})


def batches(folder: Path) -> list[Any]:
    """What an encoder of a fixed batch is calibrated with."""
    with np.load(folder / "inputs.npz") as inputs:
        images = inputs["images"]
        size = int(inputs["batch"]) if "batch" in inputs else len(images)
    return [images[start : start + size] for start in range(0, min(len(images), CALIBRATION), size)]


def dynamic(folder: Path) -> None:
    """ONNX Runtime, dynamic: activations are quantised as they come, weights per channel."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    place = folder / QUANTISED["dynamic"]
    quantize_dynamic(folder / "encoder.onnx", place, per_channel=True, weight_type=QuantType.QInt8)


def static(folder: Path) -> None:
    """ONNX Runtime, static (QDQ): activations by ranges of the calibration, matrix products alone, per channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            self._left: Iterator[Any] = iter(batches(folder))

        def get_next(self) -> dict[str, Any] | None:
            return next(({"images": batch} for batch in self._left), None)

    prepared = folder / "prepared.onnx"
    quant_pre_process(folder / "encoder.onnx", prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared, folder / QUANTISED["static"], Images(), quant_format=QuantFormat.QDQ, per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm"], activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip


def nncf(folder: Path) -> None:
    """NNCF's post-training quantisation of a transformer, for OpenVINO."""
    import nncf
    import openvino as ov

    model = ov.Core().read_model(folder / "encoder.onnx")
    images = batches(folder)
    quantised = nncf.quantize(
        model, nncf.Dataset(images), subset_size=len(images), model_type=nncf.ModelType.TRANSFORMER
    )
    ov.save_model(quantised, folder / QUANTISED["nncf"], compress_to_fp16=False)


WAYS: dict[str, Callable[[Path], None]] = {"dynamic": dynamic, "static": static, "nncf": nncf}
