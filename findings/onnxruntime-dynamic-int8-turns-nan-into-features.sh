#!/usr/bin/env bash
# Guess: where a float model gives NaN for a broken image, its int8 form made by
#   quantize_dynamic does so, too, and other images of the batch stay as they are.
# What happens: a NaN becomes an ordinary byte, and the image gets finite features
#   like any other. Infinity is the other way round: one makes all images of the
#   batch NaN. A pixel of 10000 makes the features of all others exactly zero.
# Versions: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6.
# Why it matters: pipelines find unreadable or overflown images by looking for NaN
#   in their features. Behind int8 they find none, or throw away the whole batch.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import logging
import sys
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, save
from onnxruntime.quantization import QuantType, quantize_dynamic

logging.disable(logging.WARNING)
generator = np.random.default_rng(0)
weight = numpy_helper.from_array(generator.normal(0, 0.05, (64, 32)).astype(np.float32), "w")
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
                          [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 32])], [weight])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9), "float.onnx")
# reduce_range: so that no sum saturates on processors without VNNI.
quantize_dynamic("float.onnx", "int8.onnx", weight_type=QuantType.QInt8, reduce_range=True)
sessions = {name: onnxruntime.InferenceSession(f"{name}.onnx", providers=["CPUExecutionProvider"])
            for name in ("float", "int8")}
images = generator.normal(size=(4, 64)).astype(np.float32)
others = np.array([0, 2, 3])


def told(name, pixel):
    batch = images.copy()
    batch[1, 5] = pixel
    return sessions[name].run(None, {"x": batch})[0]


clean = {name: told(name, images[1, 5]) for name in sessions}
seen = {}
for pixel in (np.nan, np.inf, 1e4):
    for name in sessions:
        found = told(name, pixel)
        finite = np.isfinite(found).all(1)
        change = np.abs(found - clean[name])[others].max() if finite[others].all() else np.nan
        seen[str(pixel), name] = (bool(finite[1]), bool(finite[others].any()), bool((found[others] == 0).all()))
        print(f"pixel {pixel}, {name:5}: own features {'finite' if finite[1] else 'not finite'},"
              f" others' finite in {finite[others].sum()} of 3 and changed by {change:.3f}")
right = all(seen[str(pixel), "float"][1:] == (True, False) for pixel in (np.nan, np.inf, 1e4))
as_stated = (right and not seen["nan", "float"][0] and seen["nan", "int8"] == (True, True, False)
             and not seen["inf", "int8"][1] and seen["10000.0", "int8"][2])
sys.exit(0 if as_stated else "CHANGED: int8 passes NaN on, or keeps other images as they are")
PY
