"""The clip that trackers follow: the same frames and mask everywhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

HEIGHT, WIDTH, FRAMES = 480, 854, 12


def frames() -> np.ndarray:
    """[FRAMES, HEIGHT, WIDTH, 3] uint8: two textured squares over a textured ground, all of them moving."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (80, 130, 3)).astype(np.uint8)
    ground = coarse.repeat(8, 0).repeat(8, 1)
    clip = np.empty((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    for index in range(FRAMES):
        clip[index] = ground[4 * index : 4 * index + HEIGHT, 6 * index : 6 * index + WIDTH]
        clip[index, 100 + 3 * index : 260 + 3 * index, 200 + 6 * index : 380 + 6 * index] = (200, 60, 40)
        clip[index, 250 - 2 * index : 380 - 2 * index, 560 - 4 * index : 740 - 4 * index] = (30, 90, 200)
    return clip


def mask() -> np.ndarray:
    """[HEIGHT, WIDTH] uint8: two objects."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[100:260, 200:380] = 1
    labels[250:380, 560:740] = 2
    return labels


def endless(clip: np.ndarray) -> Iterator[np.ndarray]:
    """Its frames but the first, again and again."""
    return itertools.cycle(clip[1:])
