"""The library's tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import latentmim as lm
from jobs import Prepared, clips

CHECKED = 6


def prepare(job: dict[str, Any]) -> Prepared:
    """A tracker that goes on through the clip, a frame an execution; or, as "reference", what others need."""
    lm.set_thread_count(job["threads"])
    weights, clip = Path(job["folder"], "encoder.safetensors"), clips.frames()
    if job["kind"] == "reference":
        model = lm.LatentMIM(seed=0, **job["options"])
        model.encoder.save(weights)
        np.savez(weights.with_name("weights.npz"), **model.parameters())
        weights.with_name("config.json").write_text(model.config.to_json())
        tracks = lm.track(model.encoder, clip[:CHECKED], clips.mask(), progress=False)
        np.savez(weights.with_name("results.npz"), labels=tracks.labels)
        return Prepared({})
    tracker = lm.Tracker(lm.load_encoder(weights), precision=job["precision"])
    wanted = np.load(weights.with_name("results.npz"))["labels"]
    found = [tracker.start(clip[0], clips.mask()), *map(tracker.add, clip[1:CHECKED])]
    facts = {"version": lm.__version__, "error": float((np.array(found) != wanted).mean())}
    rest = clips.endless(clip)

    def execute() -> None:
        tracker.add(next(rest))

    return Prepared({"": execute}, facts)
