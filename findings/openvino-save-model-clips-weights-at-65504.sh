#!/usr/bin/env bash
# Guess: saving an OpenVINO model and reading it back gives the same model, or one
#   rounded within half precision's range.
# What happens: `save_model` stores weights as float16 unless told otherwise, and
#   those past its range are neither kept nor refused: 70000 and 100000 both come
#   back as 65504, and 1e-8 as 0. The compiled model before saving is right, and
#   so is one saved with compress_to_fp16=False.
# Versions: openvino 2026.4.1, numpy 2.4.6.
# Why it matters: the model tested in memory is not the one that is shipped.
#   Folded scales, logit scales and attention masks filled with a large negative
#   number go out of range, and tiny layer scales of deep ViTs turn to 0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 openvino==2026.4.1
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
import openvino
from openvino import opset13 as ops

weights = np.array([70000, 1e5, -1e5, 1e-8, 2049, 1.0001], np.float32)
data = ops.parameter([1, 6], np.float32)
model = openvino.Model([ops.multiply(data, ops.constant(weights))], [data], "scale")
core = openvino.Core()
ones = np.ones((1, 6), np.float32)


def run(m):
    return np.array(core.compile_model(m, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(ones)[0][0])


openvino.save_model(model, "default.xml")
openvino.save_model(model, "full.xml", compress_to_fp16=False)
got = {"before saving": run(model), "saved by default": run(core.read_model("default.xml")),
       "saved in full": run(core.read_model("full.xml"))}
for name, values in got.items():
    print(f"{name:17}", values)
as_stated = (np.array_equal(got["before saving"], weights)
             and np.array_equal(got["saved in full"], weights)
             and np.array_equal(got["saved by default"],
                                np.array([65504, 65504, -65504, 0, 2048, 1], np.float32)))
sys.exit(0 if as_stated else "CHANGED: save_model keeps values outside half precision's range")
PY
