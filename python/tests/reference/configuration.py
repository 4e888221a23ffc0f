"""What the loss depends on, the presets, and the views of a batch."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", True)  # compiling is most of the time these tests take

Array = jax.Array
Parameters = dict[str, Array]


@dataclass(frozen=True)
class Config:
    """What the loss depends on; the defaults are the published run's (ViT-B/16, preset `official`)."""

    grid: tuple[int, int] = (14, 14)  # rows, columns
    patch_size: int = 16
    channels: int = 3
    patch_gap: int = 4
    crop_rule: str = "grow"  # or "fixed": the crop stays rows · P by columns · P, and the training grid shrinks
    num_visible: int = 20
    mask: str = "random"  # or another; views are given, so nothing here asks
    mask_block: int = 1  # likewise
    masked_input: str = "removed"  # or "token"
    class_token: bool = True
    registers: int = 0
    norm_epsilon: float = 1e-6  # of the encoder's norms
    train_layers: str | int = "all"  # or so many last blocks and the final norm, or "norms_and_biases"
    lora_rank: int = 0  # of the matrices that are added to the weights of blocks and trained in their place
    learn_positions: bool = False
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    decoder: str = "cross_attention"  # or "self_attention", "linear"
    visual_cues: bool = True  # `configuration` says false for the other decoders
    decoder_width: int = 512
    decoder_depth: int = 3
    decoder_heads: int = 16
    projector_width: int = 4096
    projector_depth: int = 3
    positions: str = "linspace"  # or "index"
    projector: str = "both"  # or "online", "none"
    cue_scale: str = "sqrt"  # or "none"
    # or "siamese", "independent", "joint", "random_projection", "frozen": tokens of a teacher, which are given
    target_encoder: str = "momentum"
    teacher_width: int | None = None
    target_depth: int | None = None  # blocks of the target encoder, None for all; 0 for a low-level target
    low_level_target: str = "pixels"  # or "hog"
    target_sees: str = "target"  # or "all"
    target_layers: int = 0  # over how many last blocks targets are averaged; 0: the final norm's output
    target_norm: str = "none"  # or "layer"
    target_view: str = "same"  # or "recolored"
    objective: str = "patch_discrimination"  # or the others of objectives.py
    standardize_predictions: bool = True
    temperature: float = 0.2
    loss_scale: float = 2.0  # in multiples of the temperature
    huber_delta: float = 1.0
    negatives: str = "target"  # or "all"
    false_negative_threshold: float = 1.0  # a cosine; 1 is off
    similarity_coefficient: float = 0.1
    similarity_form: str = "batch"  # or "image"
    similarity_tokens: str = "projected"  # or "unprojected"
    contrast_coefficient: float = 0.0
    contrast_temperature: float = 0.2

    @property
    def training_grid(self) -> tuple[int, int]:
        """Rows and columns of cells in a training crop."""
        if self.crop_rule == "grow":
            return self.grid
        cell = self.patch_size + self.patch_gap
        return self.grid[0] * self.patch_size // cell, self.grid[1] * self.patch_size // cell

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width in pixels of the training crop."""
        cell = self.patch_size + (self.patch_gap if self.crop_rule == "grow" else 0)
        return self.grid[0] * cell, self.grid[1] * cell

    @property
    def target_blocks(self) -> int:
        """How many blocks the target encoder has."""
        return self.depth if self.target_depth is None else self.target_depth

    @property
    def has_latent_targets(self) -> bool:
        """Whether targets are latents, not pixels or histograms."""
        return self.target_blocks > 0

    @property
    def has_fixed_targets(self) -> bool:
        """Whether nothing that is trained or follows makes the targets."""
        return self.target_encoder in ("random_projection", "frozen")

    @property
    def target_prefix(self) -> str:
        """What the names of the target encoder's parameters start with."""
        return "target_encoder" if self.target_encoder in ("momentum", "independent") else "encoder"

    @property
    def trains_targets(self) -> bool:
        """Whether the gradient flows through the targets."""
        return self.target_encoder in ("independent", "joint")


PLAIN = {"positions": "index", "projector": "none", "similarity_coefficient": 0.0, "patch_gap": 0}
TOKENS = PLAIN | {"masked_input": "token", "decoder": "linear"}

PRESETS: dict[str, dict[str, Any]] = {
    "official": {
        "positions": "linspace",
        "projector": "both",
        "cue_scale": "sqrt",
        "standardize_predictions": True,
        "loss_scale": 2.0,
        "similarity_form": "batch",
        "similarity_tokens": "projected",
    },
    "paper": {
        "positions": "index",
        "projector": "online",
        "cue_scale": "none",
        "standardize_predictions": False,
        "loss_scale": 1.0,
        "similarity_form": "image",
        "similarity_tokens": "unprojected",
    },
    "mae": PLAIN
    | {
        "num_visible": 49,
        "decoder": "self_attention",
        "decoder_depth": 8,
        "decoder_width": 512,
        "decoder_heads": 16,
        "target_depth": 0,
        "objective": "normalized_mse",
    },
    "simmim": TOKENS | {"mask_block": 2, "num_visible": 76, "target_depth": 0, "objective": "l1"},
    "maskfeat": TOKENS
    | {"mask": "block_wise", "num_visible": 118, "target_depth": 0, "low_level_target": "hog", "objective": "mse"},
    "data2vec": TOKENS
    | {
        "mask": "block_wise",
        "num_visible": 76,
        "target_sees": "all",
        "target_layers": 6,
        "objective": "smooth_l1",
        "huber_delta": 2.0,
    },
    "conmim": TOKENS
    | {
        "mask_block": 2,
        "num_visible": 48,
        "target_sees": "all",
        "target_view": "recolored",
        "negatives": "all",
        "objective": "patch_discrimination",
        "temperature": 0.1,
        "loss_scale": 10.0,
        "standardize_predictions": False,
    },
    "ijepa": PLAIN
    | {
        "mask": "multi_block",
        "class_token": False,
        "decoder": "self_attention",
        "decoder_depth": 12,
        "decoder_width": 384,
        "decoder_heads": 12,
        "target_sees": "all",
        "target_norm": "layer",
        "objective": "smooth_l1",
        "huber_delta": 1.0,
    },
}


def configuration(preset: str = "official", **options: Any) -> Config:
    """The preset's configuration with `options` changed, and what follows from them where nothing is said."""
    chosen = {**PRESETS[preset], **options}
    low_level = chosen.get("target_depth") == 0
    chosen.setdefault("objective", "normalized_mse" if low_level else "patch_discrimination")
    chosen.setdefault("visual_cues", chosen.get("decoder", Config.decoder) == "cross_attention")
    if chosen.get("target_encoder") == "frozen":
        chosen.setdefault("target_sees", "all")
    return Config(**chosen)


@partial(jax.tree_util.register_dataclass, data_fields=["visible", "target", "offsets"], meta_fields=["target_blocks"])
@dataclass(frozen=True)
class Views:
    """What each image shows: visible cells [B,V], target cells [B,T], (row, column) patch offsets [B,L,2].

    With `target_blocks` = M > 1 the targets are M blocks one after the other, each predicted on its own.
    """

    visible: Array
    target: Array
    offsets: Array
    target_blocks: int = 1
