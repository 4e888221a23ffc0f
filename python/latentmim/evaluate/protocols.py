"""The protocols, one function each. What they compute, and their defaults, are the core's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np

from latentmim import _arrays, _rows
from latentmim.data import Dataset, as_dataset
from latentmim.evaluate.features import FeatureOptions, Features
from latentmim.evaluate.running import score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.encoder import Encoder
    from latentmim.evaluate.results import Result
    from latentmim.evaluate.running import Images

__all__ = ["few_shot", "knn", "knn_uniform", "linear_probe", "nearest_neighbor", "pixels_nearest_neighbor"]


def nearest_neighbor(
    encoder: Encoder | None,
    dataset: Images | Features,
    *,
    progress: bool = True,
    comm: Any = None,
    **features: Unpack[FeatureOptions],
) -> Result:
    """The paper's `nn` score: leave-one-out nearest neighbour by cosine.

    Args:
        encoder: whose features; None for `Features`.
        dataset: with labels.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks encode the images together, all by the same call: docs/scaling.md.
        features: how images become vectors. The defaults are the paper's: short side to the trained size / .875,
            centre crop, mean of the patch tokens before the final norm.

    Raises:
        ValueError: the data set has no labels, or fewer than two images.

    Examples:
        >>> 0 <= lm.evaluate.nearest_neighbor(encoder, photos, progress=False).accuracy <= 1
        True

    """
    return score("nn", {}, encoder, None, dataset, progress, features, comm)


def pixels_nearest_neighbor(
    dataset: Dataset | PathLike,
    size: int | tuple[int, int] = 64,
    *,
    short_side: int | None = None,
    progress: bool = True,
) -> Result:
    """The same score of the pixels themselves, the least that features should beat.

    Args:
        dataset: with labels.
        size: (height, width) that images are brought to, or one number.
        short_side: as in `Dataset.resized`.
        progress: whether a bar is shown.

    Examples:
        >>> print(lm.evaluate.pixels_nearest_neighbor(photos, size=8, progress=False))
        | nn | raw pixels, 8×8 | 28 images | – | ... % |

    """
    data = as_dataset(dataset)
    labels = data.labels
    if labels is None:
        raise ValueError(f"{data!r} has no labels: files in sub-folders have, and Arrays(images, labels)")
    height, width = _arrays.sides(size)
    everything = data._indices(None)

    def compute(part: NDArray[np.int64], place: FloatArray) -> None:
        place[:] = data.resized((height, width), part, short_side=short_side).reshape(len(part), -1)

    vectors = _rows.in_memory(everything, height * width * data.channels, compute, "pixels", progress)
    scored = np.flatnonzero(np.isfinite(vectors[:, 0]))
    pixels = Features(vectors[scored], labels[scored], f"raw pixels, {height}×{width}")
    found = nearest_neighbor(None, pixels, progress=progress)
    return replace(found, images=scored, neighbors=scored[found.neighbors])


def knn(
    encoder: Encoder | None,
    train: Images | Features,
    test: Images | Features,
    *,
    k: int | Sequence[int] | None = None,
    temperature: float | None = None,
    progress: bool = True,
    comm: Any = None,
    **features: Unpack[FeatureOptions],
) -> Result:
    """DINO's k nearest neighbours: the k training images nearest by cosine vote with weight exp(cosine/temperature).

    Equally near images: the lowest index. Equal votes: the lower class.

    Args:
        encoder: whose features; None for `Features`.
        train: the images that vote, with labels.
        test: the images scored, with labels; classes of folders are found by name.
        k: numbers of neighbours; all are scored in one search and found in `Result.scores`. If not given, those of
            10, 20, 100 and 200 that the training set holds.
        temperature: of the weights; 0.07 if not given.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks encode the images together, all by the same call: docs/scaling.md.
        features: how images become vectors; by default the class token after the final norm.

    Raises:
        ValueError: no labels, k beyond the training set, a class that the training set lacks.

    Examples:
        >>> result = lm.evaluate.knn(encoder, photos, held_out, k=5, progress=False)
        >>> result.predictions.shape
        (28,)

    """
    return score("knn", {"k": k, "temperature": temperature}, encoder, train, test, progress, features, comm)


def knn_uniform(
    encoder: Encoder | None,
    train: Images | Features,
    test: Images | Features,
    *,
    k: int | None = None,
    progress: bool = True,
    comm: Any = None,
    **features: Unpack[FeatureOptions],
) -> Result:
    """Plain k nearest neighbours: each votes alike; of tied classes that of the nearest image wins.

    Args:
        encoder: whose features; None for `Features`.
        train: as in `knn`.
        test: as in `knn`.
        k: number of neighbours; 20 if not given, or as many as the training set holds.
        progress: whether a bar is shown.
        comm: as in `knn`.
        features: as in `knn`.

    Raises:
        ValueError: as `knn`.

    Examples:
        >>> lm.evaluate.knn_uniform(encoder, photos, held_out, k=5, progress=False).test
        28

    """
    return score("knn_uniform", {"k": k}, encoder, train, test, progress, features, comm)


def linear_probe(
    encoder: Encoder | None,
    train: Images | Features,
    test: Images | Features,
    *,
    preset: Literal["in100", "in1k", "small"] | None = None,
    augment: bool | None = None,
    base_learning_rate: float | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    warmup_epochs: float | None = None,
    momentum: float | None = None,
    weight_decay: float | None = None,
    trust_coefficient: float | None = None,
    init_std: float | None = None,
    seed: int | None = None,
    progress: bool = True,
    comm: Any = None,
    **features: Unpack[FeatureOptions],
) -> Result:
    """MAE's linear probe: batch normalisation without parameters, a linear classifier, LARS.

    Args:
        encoder: whose features; None for `Features`.
        train: the images it learns from, with labels.
        test: the images scored, with labels; classes of folders are found by name.
        preset: "in100" (base rate 0.5, batches of 1024, 20 epochs, 2 of them warm-up) or "in1k" (0.1, 16384, 90, 10),
            as published; "small" takes the steps and rates of in100 on its own 126,689 images, in more epochs and,
            where they are few, smaller batches: on fewer images 20 epochs are too few steps. If not given, "in100"
            for training sets of 126,689 images or more, else "small".
        augment: every epoch sees another part of every image, flipped half the time, as published; if not, features are
            computed once, the quick variant.
        base_learning_rate: the learning rate is this times batch/256; linear warm-up from 0, half a cosine to 0.
        batch_size: images in a batch; the preset's if not given, at most a sixteenth of the training set (but 32).
        epochs: times that every image is seen; a last batch that is not full is left out.
        warmup_epochs: epochs of the warm-up; a tenth of `epochs` if only those are given.
        momentum: of LARS; 0.9 if not given.
        weight_decay: of the weights; 0 if not given.
        trust_coefficient: LARS's coefficient; 0.001 if not given.
        init_std: standard deviation of the first weights; 0.01 if not given.
        seed: of the first weights and the order of the images; 0 if not given.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks encode the images together, all by the same call: docs/scaling.md.
        features: how images become vectors; by default "topk_mean" with k = 10, the paper's choice, after the
            final norm.

    Raises:
        ValueError: no labels, one class, an option outside its range, a class that the training set lacks.
        FloatingPointError: the loss left the finite numbers.

    Examples:
        >>> result = lm.evaluate.linear_probe(encoder, photos, held_out, epochs=2, progress=False)
        >>> len(result.losses)
        2

    """
    options = {
        "preset": preset, "augment": augment, "base_learning_rate": base_learning_rate, "batch_size": batch_size,
        "epochs": epochs, "warmup_epochs": warmup_epochs, "momentum": momentum, "weight_decay": weight_decay,
        "trust_coefficient": trust_coefficient, "init_std": init_std, "seed": seed,
    }  # fmt: skip
    return score("linear", options, encoder, train, test, progress, features, comm)


def few_shot(
    encoder: Encoder | None,
    train: Images | Features,
    test: Images | Features,
    *,
    shots: int | None = None,
    seeds: Sequence[int] | None = None,
    learning_rate: float | None = None,
    momentum: float | None = None,
    weight_decay: float | None = None,
    batch_size: int | None = None,
    iterations: int | None = None,
    schedule: Literal["cosine", "constant"] | None = None,
    batch_norm: bool | None = None,
    init_std: float | None = None,
    progress: bool = True,
    comm: Any = None,
    **features: Unpack[FeatureOptions],
) -> Result:
    """Few-shot transfer: a linear classifier on the frozen features of a few training images of each class.

    Args:
        encoder: whose features; None for `Features`.
        train: the images that are drawn from, with labels.
        test: the images scored, with labels; classes of folders are found by name.
        shots: images drawn of each class; 16 if not given.
        seeds: one for each run, of the images drawn, the first weights and the order; 1, 2 and 3 if not given.
        learning_rate: of SGD; 0.1 if not given.
        momentum: of SGD; 0.9 if not given.
        weight_decay: the paper does not say; 0 if not given.
        batch_size: images in a batch; 128 if not given, or all that are drawn where they are fewer.
        iterations: steps of a run; 2500 if not given.
        schedule: the paper does not say; half a cosine to 0 if not given.
        batch_norm: batch normalisation without parameters before the classifier. The paper does not say; with it, if
            not given.
        init_std: standard deviation of the first weights; 0.01 if not given.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks encode the images together, all by the same call: docs/scaling.md.
        features: how images become vectors; by default the mean of the patch tokens after the final norm.

    Raises:
        ValueError: no labels, a class with fewer than `shots` training images, an option outside its range.
        FloatingPointError: the loss left the finite numbers.

    Examples:
        >>> result = lm.evaluate.few_shot(
        ...     encoder, photos, held_out, shots=1, seeds=[0, 1], iterations=10, progress=False
        ... )
        >>> result.seeds
        (0, 1)

    """
    options = {
        "shots": shots, "seeds": seeds, "learning_rate": learning_rate, "momentum": momentum,
        "weight_decay": weight_decay, "batch_size": batch_size, "iterations": iterations, "schedule": schedule,
        "batch_norm": batch_norm, "init_std": init_std,
    }  # fmt: skip
    return score("few_shot", options, encoder, train, test, progress, features, comm)
