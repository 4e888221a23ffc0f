"""Pictures of views, of a run's course, of segments and of neighbours. Needs matplotlib: `latentmim[plot]`.

Each function returns a matplotlib Figure: a notebook shows it, `figure.savefig("picture.png")` writes it. Colours are
Okabe and Ito's, which colour-blind people can tell apart.
"""

from __future__ import annotations

import functools
import io
import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _latentmim as _native
from latentmim import evaluate
from latentmim.data import as_dataset, resize
from latentmim.masking import sample
from latentmim.runs import RunFolder, read_metrics
from latentmim.segmentation import Segments, segment
from latentmim.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.config import ModelConfig
    from latentmim.data import Dataset
    from latentmim.encoder import Encoder
    from latentmim.masking import Views

__all__ = ["history", "neighbors", "run", "segments", "views"]

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#7F7F7F"
)  # fmt: skip
INK = "#222222"


@functools.cache
def _picture() -> type[Figure]:
    """A figure that notebooks show although pyplot knows nothing of it (and so never twice)."""
    try:
        # Loaded with the first picture: it takes its time, and need not be there before.
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("latentmim.plot needs matplotlib: pip install 'latentmim[plot]'") from error

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png", dpi=110)
            return file.getvalue()

    return Picture


def _panels(rows: int, columns: int, width: float, height: float) -> tuple[Figure, NDArray[Any]]:
    figure = _picture()(figsize=(width, height), layout="constrained", facecolor="white")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _show(axes: Axes, image: NDArray[Any], title: str = "") -> None:
    grey = image.ndim == 3 and image.shape[2] == 1
    axes.imshow(image[..., 0] if grey else image, cmap="gray" if grey else None, interpolation="nearest")
    axes.set_title(title, fontsize=10, color=INK)
    axes.set_axis_off()


# ---- Views -----------------------------------------------------------------------------------------------------------


def views(crop: ArrayLike, views: Views, index: int = 0, *, config: ModelConfig | None = None) -> Figure:
    """One image's views: where the patches lie, what the online encoder sees, what the target encoder sees.

    Args:
        crop: [crop height, crop width, C]: normalised float, as `dataset.crops` gives it, or uint8.
        views: of a batch.
        index: which image of it.
        config: of the model; views that were sampled know it.

    """
    config = config or views.config
    if config is None:
        raise ValueError("views: these views do not know their model; pass config=model.config")
    image = _displayable(np.asarray(crop), config)
    if image.shape[:2] != config.crop_size:
        raise ValueError(f"views: the crop is {image.shape[0]}×{image.shape[1]}, wanted {config.crop_size}")
    figure, ((whole, seen, predicted),) = _panels(1, 3, 10.5, 3.9 * config.grid[0] / config.grid[1])
    _show(whole, image, f"patches in their cells, gap {config.patch_gap}")
    for cells, colour in ((views.target[index], ORANGE), (views.visible[index], BLUE)):
        for top, left in _corners(cells, views.offsets[index], config):
            _outline(whole, top, left, config.patch_size, colour)
    for axes, cells, colour, title in (
        (seen, views.visible[index], BLUE, f"seen: {views.visible.shape[1]} patches"),
        (predicted, views.target[index], ORANGE, f"predicted: {views.target.shape[1]} latents"),
    ):
        _show(axes, _only(image, cells, views.offsets[index], config), title)
        axes.title.set_color(colour if colour == BLUE else "#9A6A00")
    return figure


def _outline(axes: Axes, top: int, left: int, side: int, colour: str) -> None:
    from matplotlib.patches import Rectangle

    corner = (left - 0.5, top - 0.5)
    axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=1.4))


def _displayable(image: NDArray[Any], config: ModelConfig) -> NDArray[Any]:
    """Normalised pixels brought back to 0 … 1."""
    if image.dtype == np.uint8:
        return image / np.float32(255)
    mean, std = np.array(config.mean, np.float32), np.array(config.std, np.float32)
    shown: NDArray[Any] = np.clip(image * std + mean, 0, 1)
    return shown


def _corners(cells: NDArray[Any], offsets: NDArray[Any], config: ModelConfig) -> list[tuple[int, int]]:
    """Top and left of patches, in pixels."""
    columns = config.training_grid[1]
    return [
        (cell // columns * config.cell + offsets[cell, 0], cell % columns * config.cell + offsets[cell, 1])
        for cell in map(int, cells)
    ]


def _only(image: NDArray[Any], cells: NDArray[Any], offsets: NDArray[Any], config: ModelConfig) -> NDArray[Any]:
    """The image with nothing but these patches."""
    shown = np.full_like(image, 0.93)
    for top, left in _corners(cells, offsets, config):
        place = np.s_[top : top + config.patch_size, left : left + config.patch_size]
        shown[place] = image[place]
    return shown


# ---- History ---------------------------------------------------------------------------------------------------------


def history(run: Trainer | PathLike | Sequence[dict[str, Any]]) -> Figure:
    """The course of a run: loss between its chance level and its floor, similarities, effective rank, learning rate.

    Args:
        run: a trainer, the folder of a run, a metrics.jsonl, or a list of metrics (without the loss's bounds).

    Raises:
        ValueError: there are no steps yet.

    """
    lines, bounds = _read_run(run)
    if not lines:
        raise ValueError("history: there are no steps to draw")
    scores = [(line["step"], line["nn_accuracy"]) for line in lines if "nn_accuracy" in line]
    figure, panels = _panels(2, 3 if scores else 2, 15 if scores else 10.5, 6.2)
    step = [line["step"] for line in lines]
    place = panels.flat

    def draw(axes: Axes, name: str, colour: str, label: str = "", style: str = "-") -> None:
        values = [line[name] for line in lines]
        axes.plot(step, values, style, color=colour, linewidth=1.5, label=label, marker="" if len(step) > 1 else "o")

    axes = _style(next(place), "loss")
    draw(axes, "loss", BLUE, "loss")
    _draw_bounds(axes, [line["loss"] for line in lines], bounds)
    axes = _style(next(place), "mean cosine")
    draw(axes, "similarity_images", VERMILION, "between images (1: collapse)")
    draw(axes, "similarity_predictions", BLUE, "predictions of an image", "--")
    draw(axes, "similarity_visible", ORANGE, "visible tokens of an image", "-.")
    draw(axes, "similarity_targets", GREEN, "targets of an image", ":")
    _legend(axes)
    draw(_style(next(place), "effective rank of the images' mean tokens"), "effective_rank", PURPLE)
    draw(_style(next(place), "learning rate"), "learning_rate", INK)
    if scores:
        draw(_style(next(place), "gradient norm"), "gradient_norm", INK)
        axes = _style(next(place), "nearest-neighbour accuracy")
        axes.plot(*zip(*scores, strict=True), "o-", color=GREEN, markersize=4, linewidth=1.5)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
    return figure


def _draw_bounds(axes: Axes, losses: list[float], bounds: dict[str, float]) -> None:
    """Chance and floor. A floor far below is named in the legend alone, so that the curve keeps its room."""
    reach = [*losses, bounds["chance"]] if "chance" in bounds else losses
    low, high = min(reach), max(reach)
    margin = 0.1 * (high - low) or 0.1
    for label, value in bounds.items():
        colour = VERMILION if label == "chance" else GREEN
        is_seen = value > low - 3 * margin
        name = f"{label} {value:.3f}" if is_seen else f"{label} {value:.3f}, below"
        axes.plot([], [], color=colour, linewidth=1.2, linestyle="--", label=name)
        if is_seen:
            axes.axhline(value, color=colour, linewidth=1.2, linestyle="--")
    _legend(axes)


def _legend(axes: Axes) -> None:
    axes.legend(fontsize=8, framealpha=0.85, edgecolor="none")


def _style(axes: Axes, title: str) -> Axes:
    axes.set_title(title, fontsize=10, loc="left", color=INK, fontweight="bold")
    axes.set_xlabel("step", fontsize=9)
    axes.grid(color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return axes


def _read_run(run: Trainer | PathLike | Sequence[dict[str, Any]]) -> tuple[Sequence[dict[str, Any]], dict[str, float]]:
    """The metrics, and chance and floor of the loss where they are known."""
    if isinstance(run, Trainer):
        return run.history, _known_bounds(run.model.chance_loss, run.model.floor_loss)
    if not isinstance(run, str | os.PathLike):
        return run, {}
    path = os.fspath(run)
    folder = RunFolder(path if os.path.isdir(path) else os.path.dirname(path))
    lines = read_metrics(folder.metrics if os.path.isdir(path) else path)
    if not os.path.exists(folder.config):
        return lines, {}
    with open(folder.config, encoding="utf-8") as file:
        config = json.load(file)
    return lines, _known_bounds(config["chance_loss"], config["floor_loss"])


def _known_bounds(chance: float | None, floor: float | None) -> dict[str, float]:
    bounds = {"chance": chance, "floor": floor}
    return {name: value for name, value in bounds.items() if value is not None and not math.isnan(value)}


# ---- Segments --------------------------------------------------------------------------------------------------------


def segments(image: ArrayLike, segments: Segments | ArrayLike, *, opacity: float = 0.6) -> Figure:
    """An image beside its segments.

    Args:
        image: [H, W, C], uint8 or float in 0 … 1.
        segments: of `latentmim.segment`, or [H, W] whole numbers.
        opacity: of the segments' colours over the image, 0 … 1.

    """
    picture, labels = np.asarray(image), np.asarray(segments)
    if labels.shape != picture.shape[:2]:
        raise ValueError(f"segments: labels have shape {list(labels.shape)}, wanted {list(picture.shape[:2])}")
    height, width = labels.shape
    figure, ((plain, coloured),) = _panels(1, 2, 9, 4.5 * height / width + 0.4)
    _show(plain, picture)
    count = int(labels.max()) + 1
    _show(coloured, _grey(picture), f"{count} segments")
    coloured.imshow(labels, cmap=_colours(count), vmin=0, vmax=count - 1, alpha=opacity, interpolation="nearest")
    _draw_borders(coloured, labels)
    return figure


def _grey(image: NDArray[Any]) -> NDArray[Any]:
    values: NDArray[Any] = image / np.float32(255) if image.dtype == np.uint8 else image
    return np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)


def _draw_borders(axes: Axes, labels: NDArray[Any]) -> None:
    """White lines between segments, on the pixels' edges."""
    rows, columns = np.nonzero(labels[:, 1:] != labels[:, :-1])
    axes.vlines(columns + 0.5, rows - 0.5, rows + 0.5, color="white", linewidth=1)
    rows, columns = np.nonzero(labels[1:] != labels[:-1])
    axes.hlines(rows + 0.5, columns - 0.5, columns + 0.5, color="white", linewidth=1)


def _colours(count: int) -> ListedColormap:
    """Eight colours that anybody can tell apart; beyond that, the same lightened and darkened."""
    from matplotlib.colors import ListedColormap, to_rgb

    base = [to_rgb(colour) for colour in (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, YELLOW, GREY)]
    light = [tuple(0.5 + 0.5 * part for part in colour) for colour in base]
    dark = [tuple(0.5 * part for part in colour) for colour in base]
    shades = base + light + dark
    return ListedColormap([shades[i % len(shades)] for i in range(max(count, 1))])


# ---- Neighbours ------------------------------------------------------------------------------------------------------


def neighbors(
    encoder: Encoder,
    dataset: Dataset | PathLike | ArrayLike,
    queries: int | Sequence[int] = 5,
    count: int = 6,
    *,
    features: FloatArray | None = None,
    seed: int = 0,
    **options: Any,
) -> Figure:
    """The images nearest to some, by the cosine of their features. Classes, where known, are framed: green the same,
    orange another.

    Args:
        encoder: whose features.
        dataset: the images.
        queries: which images are asked for, or how many drawn at random.
        count: neighbours of each.
        features: [N, C] of all images, if they are at hand; computed otherwise.
        seed: of the drawing.
        options: how images become vectors, as in `latentmim.evaluate.features`.

    """
    _picture()  # where it cannot be drawn, say so before the long part
    data = as_dataset(dataset)
    if features is None:
        # Of all images, in their order: `indices` among the options is refused.
        vectors = evaluate.features(encoder, data, None, **options)
    else:
        vectors = np.array(features, np.float32, order="C")
    if len(vectors) != len(data):
        raise ValueError(f"neighbors: there are features of {len(vectors)} images, wanted those of all {len(data)}")
    _native.normalize_rows(vectors)
    if isinstance(queries, int | np.integer):
        queries = sorted(np.random.default_rng(seed).choice(len(data), min(queries, len(data)), replace=False))
    count = min(count, len(data) - 1)
    figure, panels = _panels(len(queries), count + 1, 1.45 * (count + 1), 1.62 * len(queries))
    for row, query in zip(panels, queries, strict=True):
        cosines = vectors @ vectors[query]
        cosines[query] = -np.inf
        nearest = np.argsort(-cosines, kind="stable")[:count]
        _show(row[0], _thumbnail(data, query), "query")
        for axes, other in zip(row[1:], nearest, strict=True):
            _show(axes, _thumbnail(data, other), f"{cosines[other]:.3f}")
            _frame(axes, data.labels, query, other)
    return figure


def _thumbnail(data: Dataset, index: int) -> NDArray[Any]:
    image: NDArray[Any] = data.resized(96, [int(index)])[0]
    return image


def _frame(axes: Axes, labels: NDArray[Any] | None, query: int, other: int) -> None:
    if labels is None:
        return
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=GREEN if labels[query] == labels[other] else ORANGE, linewidth=3)


# ---- A whole run -----------------------------------------------------------------------------------------------------


def run(trainer: Trainer, images: Dataset | None = None, segment_count: int = 5) -> list[str]:
    """The pictures of a run, written to its folder: history, views, segments of a few images, and neighbours of some.

    Args:
        trainer: with an `out` folder.
        images: what segments and neighbours are drawn of; the training images if not given.
        segment_count: segments of each image.

    Returns:
        The paths. Neighbours are left out where there are more than 5,000 images: call `neighbors` for them.

    """
    if trainer._run is None:
        raise ValueError("run: this trainer has no `out` folder")
    folder, encoder = trainer._run.pictures, trainer.model.encoder
    config, data = trainer.model.config, trainer.dataset
    shown = data if images is None else images
    drawn = {"history": history(trainer)} if trainer.history else {}
    crops = data.crops(config, [0], training=trainer.config)
    drawn["views"] = views(crops[0], sample(config, images=[0], seed=trainer.config.seed))
    for number, index in enumerate(range(0, len(shown), max(1, -(-len(shown) // 3))), 1):
        image = _enlarged(shown[index], config)
        drawn[f"segments-{number}"] = segments(image, segment(encoder, image, segment_count))
    if 2 <= len(shown) <= 5000:
        drawn["neighbors"] = neighbors(encoder, shown, size=config.image_size, short_side=0, progress=False)
    os.makedirs(folder, exist_ok=True)
    paths = []
    for name, figure in drawn.items():
        paths.append(os.path.join(folder, f"{name}.png"))
        figure.savefig(paths[-1], dpi=120)
    return paths


def _enlarged(image: FloatArray, config: ModelConfig) -> FloatArray:
    """An image with its short side at twice the trained size, for more and smaller patches."""
    scale = 2 * min(config.image_size) / min(image.shape[:2])
    return resize(image, [round(scale * side) for side in image.shape[:2]])
