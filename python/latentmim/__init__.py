"""Latent Masked Image Modeling: visual representations from unlabelled images, on CPUs.

>>> import latentmim as lm
>>> lm.pretrain("photos/", out="runs/first")                            # doctest: +SKIP

or in parts: `ImageFolder` and `Arrays` hold images, `LatentMIM` is the model, `Trainer` trains it, `Encoder.features`,
`segment` and `track` use it, `evaluate` scores it, `plot` draws, `explore` shows it in a notebook. NumPy arrays go in
and come out.
"""

from __future__ import annotations

from latentmim import _latentmim as _native
from latentmim import config, data, diagnostics, evaluate, loggers, masking, plot, runtime
from latentmim.config import ModelConfig, TrainingConfig
from latentmim.data import Arrays, ImageFolder, load_image, resize
from latentmim.dense import save_features
from latentmim.diagnostics import CollapseError, diagnose, spread
from latentmim.embedding import Embedding, Features, embed
from latentmim.encoder import Encoder
from latentmim.exploring import explore
from latentmim.loading import load_encoder
from latentmim.masking import Views
from latentmim.model import AdamW, LatentMIM
from latentmim.pretraining import pretrain
from latentmim.reports import show_config
from latentmim.runtime import set_thread_count, thread_count
from latentmim.segmentation import JointSegments, Segments, segment
from latentmim.tracking import Tracker, Tracks, track, track_each
from latentmim.training import Trainer

__version__: str = _native.version()

__all__ = [
    "AdamW",
    "Arrays",
    "CollapseError",
    "Embedding",
    "Encoder",
    "Features",
    "ImageFolder",
    "JointSegments",
    "LatentMIM",
    "ModelConfig",
    "Segments",
    "Tracker",
    "Tracks",
    "Trainer",
    "TrainingConfig",
    "Views",
    "config",
    "data",
    "diagnose",
    "diagnostics",
    "embed",
    "evaluate",
    "explore",
    "load_encoder",
    "load_image",
    "loggers",
    "masking",
    "plot",
    "pretrain",
    "resize",
    "runtime",
    "save_features",
    "segment",
    "set_thread_count",
    "show_config",
    "spread",
    "thread_count",
    "track",
    "track_each",
]


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
