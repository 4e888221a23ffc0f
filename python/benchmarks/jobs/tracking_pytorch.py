"""DINO's label propagation in PyTorch, as its `eval_video_segmentation.py` has it: all affinities of two frames."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from jobs import Prepared, clips
from jobs.pytorch import load
from pytorch_reference import Features

SIZE, PATCH, LAST, WINDOW, TOP, TEMPERATURE = (480, 832), 16, 7, 12, 5, 0.1
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.228, 0.224, 0.225])


class Tracker:
    """Context and model; frames come as uint8 arrays."""

    def __init__(self, model: Features, precision: str) -> None:
        self.model, self.precision = model, precision
        rows, columns = SIZE[0] // PATCH, SIZE[1] // PATCH
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        far = torch.maximum((y.reshape(-1, 1) - y.reshape(1, -1)).abs(), (x.reshape(-1, 1) - x.reshape(1, -1)).abs())
        self.neighborhood = (far <= WINDOW).float()[None]
        self.queue: deque[tuple[Tensor, Tensor]] = deque(maxlen=LAST)

    def features(self, frame: np.ndarray) -> Tensor:
        """[N, C], each of length 1."""
        image = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
        image = functional.interpolate(image, SIZE, mode="bilinear", align_corners=False)
        image = (image - MEAN[:, None, None]) / STD[:, None, None]
        return functional.normalize(self.model(image.permute(0, 2, 3, 1))[0].float(), dim=1)

    def start(self, frame: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Take the first frame."""
        small = torch.from_numpy(labels).float()[None, None]
        small = functional.interpolate(small, (SIZE[0] // PATCH, SIZE[1] // PATCH), mode="nearest-exact")[0, 0].long()
        self.first = self.features(frame), functional.one_hot(small).permute(2, 0, 1).float()
        return labels

    def add(self, frame: np.ndarray) -> np.ndarray:
        """The labels of the next."""
        features = self.features(frame)
        maps = self.propagate(features)
        self.queue.append((features, maps))
        large = functional.interpolate(maps[None], scale_factor=PATCH, mode="bilinear", align_corners=False)[0]
        least, most = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
        labels = ((large - least) / (most - least)).nan_to_num().argmax(0)
        resized = functional.interpolate(labels[None, None].float(), frame.shape[:2], mode="nearest-exact")
        return resized[0, 0].byte().numpy()

    def propagate(self, features: Tensor) -> Tensor:
        """The soft maps [objects, rows, columns]."""
        context = [self.first, *self.queue]
        sources = torch.stack([other for other, _ in context])
        affinity = torch.exp(torch.bmm(features.expand(len(context), -1, -1), sources.mT) / TEMPERATURE).float()
        affinity *= self.neighborhood.repeat(len(context), 1, 1)
        affinity = affinity.transpose(2, 1).reshape(-1, len(features))
        least = torch.topk(affinity, TOP, dim=0).values.amin(0)
        affinity[affinity < least] = 0
        affinity = affinity / affinity.sum(0, keepdim=True)
        maps = torch.stack([maps for _, maps in context])
        votes = maps.flatten(2).transpose(2, 1).reshape(-1, maps.shape[1]).T
        return torch.mm(votes, affinity).float().reshape(maps.shape[1:])


def prepare(job: dict[str, Any]) -> Prepared:
    """A tracker that goes on through the clip, a frame an execution."""
    torch.set_num_threads(job["threads"])
    torch.set_num_interop_threads(1)
    folder = Path(job["folder"])
    model = Features(json.loads((folder / "config.json").read_text()), fused=job["mode"] == "sdpa").eval()
    load(model.requires_grad_(False), str(folder), optional=("encoder.head", "target_encoder", "decoder"))
    tracker, clip = Tracker(model, job["precision"]), clips.frames()
    wanted, rest = np.load(folder / "results.npz")["labels"], clips.endless(clip)

    def add(frame: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=job["precision"] == "bf16"):
            return tracker.add(frame)

    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=job["precision"] == "bf16"):
        found = [tracker.start(clip[0], clips.mask())]
    found += [add(frame) for frame in clip[1 : len(wanted)]]
    facts = {"version": torch.__version__, "error": float((np.array(found) != wanted).mean())}

    def execute() -> None:
        add(next(rest))

    return Prepared({"": execute}, facts)
