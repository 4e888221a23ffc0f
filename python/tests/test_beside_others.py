"""Beside libraries that bring linear algebra and threads of their own: the same bits as alone, on both sides."""

import functools
import importlib.util
import subprocess
import sys

import pytest

# What each computes goes through its own BLAS and LAPACK; ours goes through OpenBLAS where products are not our own.
PROGRAM = """
import hashlib, importlib, sys, threading
for name in sys.argv[1].split(","):
    importlib.import_module(name)
import numpy as np
import latentmim as lm

values = np.random.default_rng(0).normal(size=(160, 160)).astype(np.float32)

def ours():
    encoder = lm.LatentMIM(width=96, depth=2, heads=3, grid=4, patch_size=8, patch_gap=2, num_visible=4,
                           decoder_width=32, decoder_heads=4, projector_width=64, seed=1).encoder
    images = np.random.default_rng(0).random((8, 32, 32, 3), np.float32)
    return encoder.features(images), lm.spread(encoder, images).effective_rank

def numpy():
    return values @ values, np.linalg.svd(values, compute_uv=False)

def scipy():
    from scipy import linalg
    return linalg.blas.sgemm(1.0, values, values), linalg.svdvals(values)

def sklearn():
    from sklearn.cluster import KMeans
    return KMeans(4, n_init=1, random_state=0).fit(values).cluster_centers_

def torch():
    import torch
    tensor = torch.from_numpy(values)
    return (tensor @ tensor).numpy(), torch.linalg.svdvals(tensor).numpy()

def jax():
    import jax.numpy as jnp
    return np.asarray(jnp.dot(values, values)), np.asarray(jnp.linalg.svd(values, compute_uv=False))

def digest(results):
    whole = hashlib.sha256()
    for result in results if isinstance(results, tuple) else (results,):
        whole.update(np.ascontiguousarray(result))
    return whole.hexdigest()

other = globals()[sys.argv[2]]
lm.runtime.set_instruction_set("portable")
alone = digest(ours()), digest(other())
for _ in range(2):
    assert (digest(ours()), digest(other())) == alone, "one after the other"

wrong = []
def repeat(compute, wanted):
    wrong.extend(1 for _ in range(6) if digest(compute()) != wanted)
threads = [threading.Thread(target=repeat, args=pair) for pair in zip((ours, other) * 2, alone * 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not wrong, "at the same time"
print(*alone)
"""


@functools.cache
def digests(imports: str, other: str) -> tuple[str, ...]:
    """What this library and another compute in one process that imports so."""
    command = [sys.executable, "-c", PROGRAM, imports, other]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tuple(done.stdout.split())


@pytest.mark.parametrize("other", ["numpy", "scipy", "sklearn", "torch", "jax"])
def test_the_same_in_any_order(other: str) -> None:
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"{other} is not here")
    alone, _ = digests("latentmim", "numpy")
    first, second = (digests(order, other) for order in (f"latentmim,{other}", f"{other},latentmim"))
    assert first == second
    assert first[0] == alone
