"""The pictures of docs/segmentation.md: photographs in blocks of patches, and as `lm.segment` divides them now.

    python examples/segmentation_figure.py ENCODER OUT.png PHOTOGRAPH... [--segments 6] [--width 300] [--precisions]

A row for each photograph: itself; one label a patch at its own size; the default; the default, refined by its edges.
With `--precisions` the default in each precision instead, labels matched to float32's, and the share that is equal.
"""

from __future__ import annotations

import argparse

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy.optimize import linear_sum_assignment

import latentmim as lm

WAYS = {
    "one label a patch": {"size": "nearest", "upsample": "nearest"},
    "default": {},
    "refine=True": {"refine": True},
}
PRECISIONS = {precision: {"precision": precision} for precision in ("float32", "bf16", "int8")}
COLOURS = ("0072B2", "E69F00", "009E73", "CC79A7", "D55E00", "56B4E9", "F0E442", "777777")


def main() -> None:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder")
    parser.add_argument("out")
    parser.add_argument("photographs", nargs="+")
    parser.add_argument("--segments", type=int, default=6)
    parser.add_argument("--width", type=int, default=200, help="of a photograph in the picture, in pixels")
    parser.add_argument("--precisions", action="store_true", help="compare precisions")
    chosen = parser.parse_args()
    ways = PRECISIONS if chosen.precisions else WAYS
    encoder = lm.load_encoder(chosen.encoder)
    images = [lm.load_image(path, channels=3) for path in chosen.photographs]
    ratios = [image.shape[0] / image.shape[1] for image in images]
    columns, title = len(ways) + 1, 22
    size = (columns * chosen.width / 100, (sum(ratios) * chosen.width + title) / 100)
    figure, rows = plt.subplots(
        len(images), columns, figsize=size, dpi=100, squeeze=False, height_ratios=ratios, layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for row, image in zip(rows, images, strict=True):
        row[0].imshow(image)
        found = [lm.segment(encoder, image, chosen.segments, **options).labels for options in ways.values()]
        if chosen.precisions:
            found = [matched(labels, found[0]) for labels in found]
            print(*(f"{np.mean(labels == found[0]):.1%}" for labels in found))
        for axes, labels in zip(row[1:], found, strict=True):
            axes.imshow(coloured(image, labels))
    for axes, name in zip(rows[0], ("photograph", *ways), strict=True):
        axes.set_title(name, fontsize=9)
    for axes in rows.flat:
        axes.axis("off")
    figure.canvas.draw()
    drawn = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    drawn.quantize(128, dither=Image.Dither.NONE).save(chosen.out, optimize=True)


def matched(labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The labels renamed so that as many pixels as possible are equal."""
    count = max(labels.max(), wanted.max()) + 1
    both = np.bincount((labels * count + wanted).ravel(), minlength=count * count).reshape(count, count)
    return linear_sum_assignment(both, maximize=True)[1][labels]


def coloured(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The image in grey under the colours of its segments, with white borders."""
    palette = np.array([[int(colour[i : i + 2], 16) for i in (0, 2, 4)] for colour in COLOURS], np.float32)
    white = 255 if image.dtype == np.uint8 else 1
    picture = 0.4 * 255 / white * image.mean(axis=2, keepdims=True) + 0.6 * palette[labels % len(palette)]
    picture[:, 1:][labels[:, 1:] != labels[:, :-1]] = 255
    picture[1:][labels[1:] != labels[:-1]] = 255
    return picture.astype(np.uint8)


if __name__ == "__main__":
    main()
