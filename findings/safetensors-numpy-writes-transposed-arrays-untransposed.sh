#!/usr/bin/env bash
# Guess: saving a transposed weight writes the transposed values, or is refused,
#   as safetensors' PyTorch side refuses tensors that are not contiguous.
# What happens: the NumPy side writes the array's memory in its own order under
#   the transposed shape. The shape is right, the values are in the wrong places,
#   and neither saving nor loading says so.
# Versions: safetensors 0.8.0, numpy 2.4.6.
# Why it matters: conversions transpose most weights of a ViT (linear kernels,
#   patch embeddings), and a square kernel then loads into any model.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 safetensors==0.8.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
from safetensors.numpy import load_file, save_file

kernel = np.arange(16, dtype=np.float32).reshape(4, 4)
patches = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
tensors = {"plain": kernel, "transposed": kernel.T, "moved axis": patches.transpose(2, 0, 1),
           "transposed, copied": np.ascontiguousarray(kernel.T)}
save_file(tensors, "weights.safetensors")
back = load_file("weights.safetensors")
same = {name: np.array_equal(back[name], array) for name, array in tensors.items()}
for name, array in tensors.items():
    print(f"{name:18} shape kept {back[name].shape == array.shape}, values kept {same[name]},"
          f" first row {array.reshape(array.shape[0], -1)[0].astype(int)}"
          f" -> {back[name].reshape(array.shape[0], -1)[0].astype(int)}")
as_stated = (same == {"plain": True, "transposed": False, "moved axis": False,
                      "transposed, copied": True}
             and np.array_equal(back["transposed"], kernel)
             and all(back[name].shape == array.shape for name, array in tensors.items()))
sys.exit(0 if as_stated else "CHANGED: transposed arrays are written right or refused")
PY
