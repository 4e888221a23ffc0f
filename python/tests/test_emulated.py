"""On emulated processors without AVX-512, and without AVX: one instruction too new would end the process."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, pixels
from PIL import Image

QEMU = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
# Features from image files of all formats with a library behind them, also in eight bits, a training step, segments.
PROGRAM = """
import json, sys
import numpy as np
import latentmim as lm

folder, out = sys.argv[1:]
model = lm.LatentMIM(**json.loads(open(f"{folder}/options.json").read()), seed=1)
images = [lm.load_image(f"{folder}/{name}") for name in ("a.jpg", "b.png", "c.webp", "d.tif")]
pixels = np.stack([lm.resize(image, (32, 40)) for image in images])
features = model.encoder.features(pixels)
eight_bits = "int8" in lm.runtime.feature_precisions()
short = model.encoder.features(pixels, precision="int8") if eight_bits else features
arrays = np.load(f"{folder}/images.npy")
trainer = lm.Trainer(model, arrays, epochs=1, batch_size=8, precision="float32", progress=False)
loss = trainer.step()["loss"]
labels = lm.segment(model.encoder, images[0], segments=3).labels
np.savez(out, features=features, short=short, loss=loss, labels=labels, set=lm.runtime.instruction_set())
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "options.json").write_text(json.dumps(SMALL))
    np.save(folder / "images.npy", pixels(8))
    for image, name in zip(pixels(4, 40, 52), ("a.jpg", "b.png", "c.webp", "d.tif"), strict=True):
        Image.fromarray(image).save(folder / name, **({"compression": "zstd"} if name == "d.tif" else {}))
    return folder


@pytest.fixture(scope="module")
def here(inputs: Path) -> dict[str, np.ndarray]:
    return computed([], inputs)


def computed(emulator: list[str], inputs: Path) -> dict[str, np.ndarray]:
    out = inputs / "out.npz"
    command = [*emulator, sys.executable, "-c", PROGRAM, str(inputs), str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(out) as file:
        return dict(file)


@pytest.mark.skipif(QEMU is None, reason="no qemu-user here")
@pytest.mark.parametrize(("processor", "instruction_set"), [("Nehalem", "portable"), ("Haswell", "avx2")])
def test_older_processors(processor: str, instruction_set: str, inputs: Path, here: dict[str, np.ndarray]) -> None:
    found = computed([str(QEMU), "-cpu", processor], inputs)
    assert found["set"] == instruction_set
    np.testing.assert_allclose(found["features"], here["features"], atol=1e-5 * np.abs(here["features"]).max())
    error = np.abs(found["short"] - found["features"]).max() / np.abs(found["features"]).max()
    assert error < 0.05
    assert (error > 0) == (processor == "Haswell")
    np.testing.assert_allclose(found["loss"], here["loss"], rtol=1e-4)
    assert found["labels"].shape == here["labels"].shape == (40, 52)
