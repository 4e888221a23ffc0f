"""J, F and their statistics by NumPy and SciPy, written from DAVIS' definitions and from nothing here."""

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.optimize import linear_sum_assignment


def region_similarity(found: np.ndarray, truth: np.ndarray) -> float:
    union = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / union if union else 1.0


def boundary(mask: np.ndarray) -> np.ndarray:
    east, south, southeast = (np.zeros_like(mask) for _ in range(3))
    east[:, :-1] = mask[:, 1:]
    south[:-1] = mask[1:]
    southeast[:-1, :-1] = mask[1:, 1:]
    edges = (mask ^ east) | (mask ^ south) | (mask ^ southeast)
    edges[-1] = mask[-1] ^ east[-1]
    edges[:, -1] = mask[:, -1] ^ south[:, -1]
    edges[-1, -1] = False
    return edges


def boundary_accuracy(found: np.ndarray, truth: np.ndarray) -> float:
    radius = int(np.ceil(0.008 * np.linalg.norm(found.shape)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = x**2 + y**2 <= radius**2
    here, there = boundary(found), boundary(truth)
    if not here.any() and not there.any():
        return 1.0
    if not here.any():
        precision, recall = 1.0, 0.0
    elif not there.any():
        precision, recall = 0.0, 1.0
    else:
        precision = np.count_nonzero(here & binary_dilation(there, disk)) / np.count_nonzero(here)
        recall = np.count_nonzero(there & binary_dilation(here, disk)) / np.count_nonzero(there)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def statistics(values: np.ndarray) -> tuple[float, float, float]:
    bounds = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(int) - 1
    quarters = [values[bounds[i] : bounds[i + 1] + 1].mean() for i in range(4)]
    return values.mean(), (values > 0.5).mean(), quarters[0] - quarters[3]


def matched(found: np.ndarray, truth: np.ndarray, by: str) -> tuple[float, float]:
    """Mean IoU and pixel accuracy after SciPy's assignment, pair by pair."""
    labels, segments = np.unique(truth), np.unique(found)
    common = np.array([[np.count_nonzero((truth == t) & (found == s)) for s in segments] for t in labels])
    union = np.array([[np.count_nonzero((truth == t) | (found == s)) for s in segments] for t in labels])
    rows, columns = linear_sum_assignment(common if by == "pixels" else common / union, maximize=True)
    iou = (common / union)[rows, columns].sum() / len(labels)
    return iou, common[rows, columns].sum() / truth.size


def blobs(rng: np.random.Generator, height: int, width: int, objects: int) -> np.ndarray:
    """A label map of ellipses, some beyond the border, and some noise."""
    labels = np.zeros((height, width), np.int32)
    y, x = np.mgrid[:height, :width]
    for label in range(1, objects + 1):
        center, radii = rng.uniform(-0.1, 1.1, 2) * (height, width), rng.uniform(0.05, 0.6, 2) * (height, width) + 0.5
        labels[((y - center[0]) / radii[0]) ** 2 + ((x - center[1]) / radii[1]) ** 2 <= 1] = label
    noise = rng.random((height, width)) < rng.choice([0, 0.001, 0.05])
    labels[noise] = rng.integers(0, objects + 1, np.count_nonzero(noise))
    return labels
