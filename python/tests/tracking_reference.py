"""Label propagation as the published programs do it, in plain NumPy: every affinity, in double precision."""

from typing import Any

import numpy as np
from PIL import Image

import latentmim as lm

WALK = {
    "fit": "height", "rounding": "nearest", "multiple": None, "interpolation": "bilinear_without_antialias",
    "mask_sampling": "bilinear", "context": 20, "pad_context": True, "window_shape": "open_circle",
    "first_frame_window": False, "keep_ties": False, "upsample": "bilinear", "rescale": False,
}  # fmt: skip
PRESETS: dict[str, dict[str, Any]] = {
    "dino": {
        "size": None, "side": 480, "fit": "short", "rounding": "down", "multiple": 64,
        "interpolation": "bilinear_without_antialias", "std": [0.228, 0.224, 0.225], "mask_sampling": "nearest",
        "context": 7, "pad_context": False, "window": 12, "window_shape": "square", "first_frame_window": True, "k": 5,
        "keep_ties": True, "temperature": 0.1, "upsample": "bilinear_then_nearest", "rescale": True, "mean": None,
        "layer": None, "norm": True,
    },
    "videowalk": WALK | {"size": None, "side": 480, "window": 12, "k": 10, "temperature": 0.05, "std": None},
    "cropmae": WALK | {"size": [480, 880], "window": 20, "k": 7, "temperature": 0.7, "std": None},
    "dinov3": {
        "size": None, "side": 960, "fit": "short", "rounding": "up", "multiple": None, "interpolation": "bicubic",
        "std": None, "mask_sampling": "nearest", "context": 7, "pad_context": False, "window": 12,
        "window_shape": "circle", "first_frame_window": True, "k": 5, "keep_ties": True, "temperature": 0.2,
        "upsample": "nearest", "rescale": True,
    },
}  # fmt: skip


def axis(inputs: int, outputs: int) -> np.ndarray:
    """[outputs, inputs]: linear interpolation between centres, without antialias."""
    weights = np.zeros((outputs, inputs))
    centers = np.clip((np.arange(outputs) + 0.5) * inputs / outputs - 0.5, 0, inputs - 1)
    low = np.floor(centers).astype(int)
    np.add.at(weights, (np.arange(outputs), low), 1 - (centers - low))
    np.add.at(weights, (np.arange(outputs), np.minimum(low + 1, inputs - 1)), centers - low)
    return weights


def nearest(inputs: int, outputs: int) -> np.ndarray:
    """The input that each output's centre lies in."""
    return (2 * np.arange(outputs) + 1) * inputs // (2 * outputs)


def bilinear(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.einsum("yi,xj,ijc->yxc", axis(maps.shape[0], height), axis(maps.shape[1], width), maps)


class Reference:
    """One clip, frame by frame: labels, and by how much the largest map leads."""

    def __init__(self, encoder: lm.Encoder, preset: str, **options: Any) -> None:
        self.encoder = encoder
        self.options = PRESETS[preset] | options
        self.objects: list[int] = []
        self.given: list[tuple[np.ndarray, np.ndarray]] = []
        self.last: list[tuple[np.ndarray, np.ndarray]] = []

    def size(self, height: int, width: int) -> tuple[int, int]:
        patch, own = self.encoder.config.patch_size, self.options
        rule = {"down": np.floor, "nearest": lambda x: np.floor(x + 0.5), "up": np.ceil}[own["rounding"]]

        def to(length: float, multiple: int) -> int:
            return int(max(rule(round(length / multiple, 9)), 1)) * multiple

        if own.get("size"):
            return to(own["size"][0], patch), to(own["size"][1], patch)
        fitted, multiple = to(own["side"], patch), max((own["multiple"] or patch) // patch, 1) * patch
        if own["fit"] == "short" and height > width:
            return to(height * fitted / width, multiple), fitted
        return fitted, to(width * fitted / height, multiple)

    def features(self, frame: np.ndarray) -> np.ndarray:
        """[rows, columns, C], each of length 1."""
        height, width = self.size(*frame.shape[:2])
        if self.options["interpolation"] == "bicubic":
            pixels = np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC)) / 255.0
        else:
            pixels = bilinear(frame / 255, height, width)
        config = self.encoder.config
        mean, std = self.options.get("mean") or config.mean, self.options.get("std") or config.std
        # The encoder normalises by its own numbers, which are taken out again.
        pixels = (pixels - mean) / std * config.std + config.mean
        tokens = self.encoder.features(
            pixels.astype(np.float32), layer=self.options.get("layer"), norm=self.options.get("norm", True)
        ).astype(np.float64)
        tokens /= np.linalg.norm(tokens, axis=1, keepdims=True)
        return tokens.reshape(height // config.patch_size, width // config.patch_size, -1)

    def maps(self, labels: np.ndarray, rows: int, columns: int) -> np.ndarray:
        onehot = (labels[..., None] == self.objects).astype(float)
        if self.options["mask_sampling"] == "nearest":
            found = onehot[nearest(labels.shape[0], rows)][:, nearest(labels.shape[1], columns)]
        else:
            found = bilinear(onehot, rows, columns)
        return np.concatenate([1 - found.sum(-1, keepdims=True), found], -1)

    def window(self, rows: int, columns: int) -> np.ndarray:
        y, x = (axis.ravel() for axis in np.mgrid[:rows, :columns])
        down, across = np.abs(y[:, None] - y), np.abs(x[:, None] - x)
        size, shape = self.options["window"], self.options["window_shape"]
        if size == 0:
            return np.ones_like(down, bool)
        if shape == "square":
            return np.maximum(down, across) <= size
        squared = down**2 + across**2
        return squared <= size**2 if shape == "circle" else squared < size**2

    def propagate(self, features: np.ndarray) -> np.ndarray:
        """Every patch against every one of the context."""
        rows, columns, width = features.shape
        inside = self.window(rows, columns)
        last = self.last
        if self.options["pad_context"]:
            last = [self.given[0]] * (self.options["context"] - len(last)) + last
        similarities, votes = [], []
        for number, (other, maps) in enumerate([*self.given, *last]):
            cosine = features.reshape(-1, width) @ other.reshape(-1, width).T
            is_free = number < len(self.given) and not self.options["first_frame_window"]
            similarities.append(cosine if is_free else np.where(inside, cosine, -np.inf))
            missing = len(self.objects) + 1 - maps.shape[-1]
            votes.append(np.pad(maps, ((0, 0), (0, 0), (0, missing))).reshape(rows * columns, -1))
        # What differs by rounding alone ties: equal frames have equal patches.
        everything = np.round(np.concatenate(similarities, 1), 6)
        k = min(self.options["k"], everything.shape[1])
        order = np.argsort(-everything, axis=1, kind="stable")
        weights = np.exp((everything - everything.max(1, keepdims=True)) / self.options["temperature"])
        if self.options["keep_ties"]:
            weights[everything < np.take_along_axis(everything, order[:, k - 1 : k], 1)] = 0
        else:
            np.put_along_axis(weights, order[:, k:], 0, 1)
        weights /= weights.sum(1, keepdims=True)
        return (weights @ np.concatenate(votes)).reshape(rows, columns, -1)

    def labels(self, maps: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """At the size of the frame, and how far the largest map leads."""
        network = self.size(height, width)
        if self.options["upsample"] == "nearest":
            maps = maps[nearest(maps.shape[0], height)][:, nearest(maps.shape[1], width)]
        else:
            maps = bilinear(maps, *((height, width) if self.options["upsample"] == "bilinear" else network))
        if self.options["rescale"]:
            least, most = maps.min((0, 1)), maps.max((0, 1))
            maps = np.where(most > least, (maps - least) / np.where(most > least, most - least, 1), 0)
        largest = np.array([0, *self.objects])[maps.argmax(-1)]
        ranked = np.sort(maps, axis=-1)
        margin = ranked[..., -1] - ranked[..., -2]
        y, x = nearest(maps.shape[0], height), nearest(maps.shape[1], width)
        return largest[y][:, x], margin[y][:, x]

    def step(self, frame: np.ndarray, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        features = self.features(frame)
        if labels is not None:
            labels = np.where(labels == 255, 0, labels)
            self.objects += [label for label in np.unique(labels) if label and label not in self.objects]
        if not self.given:
            assert labels is not None
            self.keep(features, self.maps(labels, *features.shape[:2]), is_given=True)
            return labels, np.ones(labels.shape)
        maps = self.propagate(features)
        found, margin = self.labels(maps, *frame.shape[:2])
        if labels is not None:
            given = self.maps(labels, *features.shape[:2])
            maps = given[..., :1] * maps + given * (np.arange(given.shape[-1]) > 0)
            found, margin = np.where(labels > 0, labels, found), np.where(labels > 0, 1, margin)
        self.keep(features, maps, is_given=labels is not None)
        return found, margin

    def keep(self, features: np.ndarray, maps: np.ndarray, *, is_given: bool) -> None:
        if is_given:
            self.given.append((features, maps))
        if not is_given or self.options["pad_context"]:
            self.last = [*self.last, (features, maps)][-self.options["context"] :] if self.options["context"] else []
