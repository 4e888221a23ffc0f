"""Draws the pictures of docs/pictures.md: what an encoder makes of a folder of photographs, and of a clip.

    python examples/gallery.py photos/ encoder.safetensors --photo zebra.jpg --query 478 250

The folder's first photograph and its middle stand where none is given; pictures of a clip need `--clip` and `--object`.
"""

from __future__ import annotations

import argparse
import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import latentmim as lm

# Photographs that share one basis, and those that matches are looked for in.
ALIKE, OTHERS = 4, 40
# Of the clip's first frames, every fifth.
FRAMES, STEP = 50, 5


def main() -> None:
    chosen = _arguments()
    out = Path(chosen.out)
    out.mkdir(parents=True, exist_ok=True)
    encoder = lm.load_encoder(chosen.encoder)
    photos = lm.ImageFolder(chosen.photos)
    names = [Path(path).name for path in photos.paths]
    index = names.index(chosen.photo) if chosen.photo else 0
    image = photos[index]
    query = tuple(chosen.query) if chosen.query else (image.shape[1] // 2, image.shape[0] // 2)
    others = [photos[i] for i in range(len(photos)) if i != index][:OTHERS]
    alike = [photos[names.index(name)] for name in chosen.alike] if chosen.alike else others[:ALIKE]
    found = lm.segment(encoder, image, 5)

    _save(lm.plot.segments(image, found), out / "segments.png")
    _save(lm.plot.depths(image, found), out / "depths.png")
    _save(lm.plot.merge_tree(image, found, 9), out / "merge_tree.png")
    _save(lm.plot.neighborhoods(encoder, image, [query]), out / "neighborhoods.png")
    _save(lm.plot.tsne(encoder, image, found), out / "tsne.png")
    _save(lm.plot.pca(encoder, [image, *alike]), out / "pca.png")
    _save(lm.plot.pca(encoder, [image, *alike], foreground=True), out / "pca_foreground.png")
    _save(lm.plot.attention(encoder, image), out / "attention.png")
    _save(lm.plot.attention(encoder, image, query), out / "attention_of_a_patch.png")
    _save(lm.plot.matches(encoder, image, query, others, per_image=3), out / "matches.png")
    _save(lm.plot.neighbors(encoder, photos, [index], 6, size=224), out / "neighbors.png")
    _draw_training(photos, image, out)
    if chosen.clip:
        _draw_clip(encoder, chosen.clip, tuple(chosen.object), out)


def _draw_training(photos: lm.ImageFolder, image: np.ndarray, out: Path) -> None:
    """Views of the photograph, and how a small model fares that learns from the others for some steps."""
    model = lm.LatentMIM(width=96, depth=4, heads=3, grid=5, patch_size=16, patch_gap=4, num_visible=8,
                         decoder_width=96, decoder_depth=2, decoder_heads=3, projector_width=256)  # fmt: skip
    trainer = lm.Trainer(model, photos, epochs=40, batch_size=25, base_learning_rate=4e-3, progress=False)
    trainer.fit()
    reading = lm.diagnose(model, trainer.history[-1])
    _save(lm.plot.diagnosis(reading, lm.spread(model.encoder, photos)), out / "diagnosis.png")
    _save(lm.plot.history(trainer), out / "history.png")
    for name, options in {
        "views": {"patch_gap": 6, "crop_rule": "fixed"},
        "views_of_blocks": {"preset": "ijepa"},
    }.items():
        config = lm.ModelConfig.resolve(**options)
        views = lm.masking.sample(config, batch=1, seed=1)
        crop = np.clip(np.rint(255 * lm.resize(image, config.crop_size)), 0, 255).astype(np.uint8)
        _save(lm.plot.views(crop, views), out / f"{name}.png")


def _draw_clip(encoder: lm.Encoder, clip: str, pixel: tuple[int, int], out: Path) -> None:
    """What lies at a pixel of the first frame, tracked: the segment there is the first mask."""
    frames = list(itertools.islice(lm.data.frames(clip), 0, FRAMES, STEP))
    labels = lm.segment(encoder, frames[0], 5).labels
    tracked = lm.track(encoder, frames, (labels == labels[pixel[1], pixel[0]]).astype(np.uint8))
    _save(lm.plot.tracks(frames, tracked, 4), out / "tracks.png")
    lm.plot.save_tracks(out / "tracks.gif", frames[::2], tracked.labels[::2], frames_per_second=3, width=200)


def _save(axes: Any, path: Path, dpi: int = 72) -> None:
    """In 256 colours, for a document."""
    file = io.BytesIO()
    axes.figure.savefig(file, format="png", dpi=dpi)
    Image.open(file).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1000} kB")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", help="a folder of image files")
    parser.add_argument("encoder", help="a file that load_encoder reads, of an encoder with a class token")
    parser.add_argument("--photo", help="the name of the photograph to look at; the folder's first if not given")
    parser.add_argument("--query", type=int, nargs=2, metavar=("X", "Y"), help="the pixel asked about; the middle")
    parser.add_argument("--alike", nargs="+", metavar="NAME", help="photographs that share a basis with it")
    parser.add_argument("--clip", help="a video file or a folder of frames")
    parser.add_argument("--object", type=int, nargs=2, metavar=("X", "Y"), default=(0, 0), help="a pixel of the object")
    parser.add_argument("--out", default="docs/pictures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
