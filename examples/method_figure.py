"""Draws docs/method.png: one training step of Latent MIM, with the patches that it really draws of a photograph.

python examples/method_figure.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

import latentmim as lm

ROOT = Path(__file__).parent.parent
PHOTOGRAPH = ROOT / "examples/photographs/train/Granny-Smith/02787cdfe9cb.jpg"
BLUE, ORANGE, GREEN, INK, PAPER = "#0072B2", "#E69F00", "#009E73", "#222222", "#F4F4F4"


def main() -> None:
    config = lm.ModelConfig.resolve(grid=7, patch_size=16, patch_gap=4, num_visible=8)
    views = lm.masking.sample(config, batch=1, seed=5)
    crop = lm.resize(lm.load_image(PHOTOGRAPH), config.crop_size)
    figure = Figure(figsize=(11, 4.4), dpi=140)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 110), ylim=(0, 44))
    axes.axis("off")

    _crop(axes, crop, config, views, (2, 11, 24))
    _patches(axes, crop, config, views, views.visible[0], BLUE, (33, 24.5, 15))
    _patches(axes, crop, config, views, views.target[0], ORANGE, (33, 3.5, 15))
    _box(axes, (52, 28, 15, 8), BLUE, "online encoder", "trained")
    _box(axes, (72, 28, 15, 8), GREEN, "decoder", "cross-attention to\nthe visible tokens")
    _box(axes, (52, 7, 15, 8), ORANGE, "target encoder", "moving average of\nthe online encoder")
    _latents(axes, (92, 26.5, 11), GREEN, seed=1)
    _latents(axes, (92, 5.5, 11), ORANGE, seed=1)
    for start, end in [((26.5, 26), (32.5, 31)), ((26.5, 20), (32.5, 12)), ((48.5, 32), (51.5, 32)),
                       ((67.5, 32), (71.5, 32)), ((87.5, 32), (91.5, 32)), ((48.5, 11), (51.5, 11)),
                       ((67.5, 11), (91.5, 11))]:  # fmt: skip
        _arrow(axes, start, end)
    _arrow(axes, (59.5, 27.5), (59.5, 15.5), dashed=True)
    _arrow(axes, (97.5, 25.8), (97.5, 17.2), both=True)
    for x, y, text in [
        (14, 38, "a crop, in cells with gaps:\npatches at random offsets"), (40.5, 41.5, "visible patches"),
        (40.5, 20.5, "target patches"), (97.5, 40.5, "predicted latents"), (97.5, 2.5, "target latents"),
        (89.5, 21.5, "patch discrimination"), (53.5, 21.5, "momentum"),
    ]:  # fmt: skip
        axes.text(x, y, text, ha="center", va="center", fontsize=9, color=INK)
    figure.savefig(ROOT / "docs/method.png", facecolor="white")


def _corner(config: lm.ModelConfig, views: lm.Views, cell: int) -> tuple[int, int]:
    row, column = divmod(cell, config.grid[1])
    step = config.patch_size + config.patch_gap
    down, right = views.offsets[0, cell]
    return int(row * step + down), int(column * step + right)


def _crop(
    axes: Axes, crop: np.ndarray, config: lm.ModelConfig, views: lm.Views, place: tuple[float, float, float]
) -> None:
    x, y, side = place
    axes.imshow(crop, extent=(x, x + side, y, y + side), interpolation="bilinear", aspect="auto", zorder=1)
    axes.add_patch(Rectangle((x, y), side, side, color="white", alpha=0.45, lw=0, zorder=2))
    scale, height = side / crop.shape[1], crop.shape[0]
    for cell in range(config.grid[0] * config.grid[1]):
        top, left = _corner(config, views, cell)
        size = config.patch_size
        at = (x + left * scale, y + (height - top - size) * scale)
        color = BLUE if cell in views.visible[0] else ORANGE
        axes.imshow(
            crop[top : top + size, left : left + size], aspect="auto", zorder=3,
            extent=(at[0], at[0] + size * scale, at[1], at[1] + size * scale),
        )  # fmt: skip
        axes.add_patch(Rectangle(at, size * scale, size * scale, fill=False, ec=color, lw=1.6, zorder=4))


def _patches(
    axes: Axes, crop: np.ndarray, config: lm.ModelConfig, views: lm.Views, cells: np.ndarray, color: str,
    place: tuple[float, float, float],
) -> None:  # fmt: skip
    x, y, side = place
    rows, columns = config.grid
    step, size = side / columns, config.patch_size
    for cell in cells:
        row, column = divmod(int(cell), columns)
        top, left = _corner(config, views, int(cell))
        at = (x + column * step, y + (rows - 1 - row) * step)
        inner = step * 0.82
        axes.imshow(
            crop[top : top + size, left : left + size], aspect="auto", zorder=3,
            extent=(at[0], at[0] + inner, at[1], at[1] + inner),
        )  # fmt: skip
        axes.add_patch(Rectangle(at, inner, inner, fill=False, ec=color, lw=1.1, zorder=4))


def _box(axes: Axes, place: tuple[float, float, float, float], color: str, title: str, note: str) -> None:
    x, y, width, height = place
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=1", fc=PAPER, ec=color, lw=2)
    )
    axes.text(
        x + width / 2, y + height * 0.72, title, ha="center", va="center", fontsize=10, color=color, weight="bold"
    )
    axes.text(x + width / 2, y + height * 0.3, note, ha="center", va="center", fontsize=7.5, color=INK)


def _latents(axes: Axes, place: tuple[float, float, float], color: str, seed: int) -> None:
    """A grid of short bars, one a patch: vectors, as a drawing has room for them."""
    x, y, side = place
    heights = np.random.default_rng(seed).uniform(0.15, 1, (5, 5, 4))
    step = side / 5
    for (row, column, bar), height in np.ndenumerate(heights):
        left, low = x + column * step + bar * step * 0.2, y + row * step
        axes.add_patch(Rectangle((left, low), step * 0.15, step * 0.8 * height, color=color, lw=0))


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], *, dashed: bool = False, both: bool = False
) -> None:
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="<|-|>" if both else "-|>", mutation_scale=11, lw=1.3, color=INK,
                        linestyle="--" if dashed else "-")
    )  # fmt: skip


if __name__ == "__main__":
    main()
