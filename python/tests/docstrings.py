"""What the examples in docstrings run with: a prelude, and a folder with photographs, a clip, an encoder, a run."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import latentmim as lm

ROOT = Path(__file__).parents[2]
PRELUDE = compile((ROOT / "packaging" / "site" / "prelude.py").read_text(), "prelude.py", "exec")


def names() -> dict[str, Any]:
    """What an example sees; models are fresh. The working folder is one that `fill` has filled."""
    found: dict[str, Any] = {}
    exec(PRELUDE, found)
    return found


def fill(folder: Path) -> None:
    """photos/, held-out/, encoder.safetensors, run/, clip/ with first_mask.png, DAVIS/ with that clip."""
    for name, there in (("train", "photos"), ("held-out", "held-out")):
        shutil.copytree(ROOT / "examples" / "photographs" / name, folder / there)
    _fill_clip(folder)
    model = lm.LatentMIM(
        width=48, depth=2, heads=3, grid=4, num_visible=4, decoder_width=32, decoder_heads=4, projector_width=64
    )
    model.encoder.save(folder / "encoder.safetensors")
    lm.Trainer(model, folder / "photos", epochs=2, batch_size=14, out=folder / "run", progress=False).fit()


def _fill_clip(folder: Path, frames: int = 6, size: int = 64) -> None:
    """A bright and a dark square that move apart, their masks, and the same as a DAVIS folder."""
    davis = folder / "DAVIS"
    for place in ("clip", "DAVIS/JPEGImages/480p/squares", "DAVIS/Annotations/480p/squares", "DAVIS/ImageSets/2017"):
        (folder / place).mkdir(parents=True)
    rng = np.random.default_rng(0)
    ground = rng.integers(100, 130, (size, size, 3))
    for index in range(frames):
        frame, mask = ground.copy(), np.zeros((size, size), np.uint8)
        for label, (value, left) in enumerate([(250, 36 + index), (10, 12 - index)], 1):
            frame[20:40, left : left + 16], mask[20:40, left : left + 16] = value, label
        picture = Image.fromarray(frame.astype(np.uint8))
        picture.save(folder / "clip" / f"{index:05}.png")
        picture.save(davis / "JPEGImages/480p/squares" / f"{index:05}.jpg")
        lm.data.write_labels(davis / "Annotations/480p/squares" / f"{index:05}.png", mask)
        if index == 0:
            lm.data.write_labels(folder / "first_mask.png", mask)
    (davis / "ImageSets/2017/val.txt").write_text("squares\n")
