"""Small encoders of every kind that is exported."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pretrained
from conftest import SMALL, pixels

import latentmim as lm

HALF = {"mean": (0.5,) * 3, "std": (0.5,) * 3}


def read(weights: Any, **options: Any) -> lm.Encoder:
    """Other projects' names; what is assumed has tests of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lm.load_encoder(weights, heads=pretrained.HEADS, **options)


def case(name: str, **options: Any) -> lm.Encoder:
    return read(pretrained.CASES[name][0](np.random.default_rng(len(name)))[1], **options)


def plain(*, pre_norm: bool = False, gated: bool = False, patch_bias: bool = True, pooled: bool = False,
          **options: Any) -> lm.Encoder:  # fmt: skip
    rng = np.random.default_rng(7)
    weights = pretrained.plain(rng, position_rows=1)
    if pre_norm:
        weights |= {"norm_pre.weight": weights["norm.weight"] + 0.5, "norm_pre.bias": weights["norm.bias"] * 2}
    if not patch_bias:
        del weights["patch_embed.proj.bias"]
    if gated:
        for name in [name for name in weights if ".mlp.fc2.weight" in name]:
            # fc1 stays as it is: 96 wide, the gate and what it lets through.
            weights[name] = weights[name][:, :48]
    if pooled:
        weights |= {f"fc_norm.{part}": weights.pop(f"norm.{part}") for part in ("weight", "bias")}
    return read(weights, **options)


def biased_and_placed() -> lm.Encoder:
    """Relative position bias and a table besides, and a bias of keys, on a grid that is no square."""
    rng = np.random.default_rng(11)
    return read(pretrained.plain(rng, position_rows=1, relative="shared", grid=(3, 5)), grid=(3, 5))


def learned() -> lm.Encoder:
    """With learned positions that are no longer those it began with, the class token's among them."""
    model = lm.LatentMIM(**SMALL, seed=1, learn_positions=True)
    name = "encoder.pos_embed.pos_embeds"
    moved = np.random.default_rng(17).normal(0, 0.3, model.parameters()[name].shape).astype(np.float32)
    model.load_parameters(model.parameters() | {name: moved})
    return model.encoder


def rotary(*, gated: bool = False, periods: tuple[float, float] = (1, 10), **options: Any) -> lm.Encoder:
    """DINOv3 under its own names; heads of 8 numbers have two periods."""
    rng = np.random.default_rng(13)
    weights = pretrained.plain(rng, registers="storage_tokens", layer_scale="ls{}.gamma", bias="no key")
    weights["rope_embed.periods"] = np.float32(periods)
    for block in range(pretrained.DEPTH):
        name = f"blocks.{block}"
        queries, values = (weights.pop(f"{name}.attn.{part}_bias") for part in "qv")
        weights[f"{name}.attn.qkv.bias"] = np.concatenate([queries, np.zeros_like(queries), values])
        if gated:
            first = {part: weights.pop(f"{name}.mlp.fc1.{part}") for part in ("weight", "bias")}
            second = {part: weights.pop(f"{name}.mlp.fc2.{part}") for part in ("weight", "bias")}
            weights |= {f"{name}.mlp.w{k + 1}.{part}": np.split(value, 2)[k] for part, value in first.items()
                        for k in range(2)}  # fmt: skip
            weights |= {f"{name}.mlp.w3.weight": second["weight"][:, :48], f"{name}.mlp.w3.bias": second["bias"]}
    return read(weights, grid=pretrained.GRID, **options)


def eva(*, norms: bool, pooled: bool = False) -> lm.Encoder:
    """EVA-02, with and without norms inside attention and MLP."""
    weights = pretrained.plain(np.random.default_rng(19), position_rows=1, bias="no key")
    for block in range(pretrained.DEPTH):
        name = f"blocks.{block}"
        weights[f"{name}.mlp.fc2.weight"] = weights[f"{name}.mlp.fc2.weight"][:, :48]
        if norms:
            first = weights[f"{name}.mlp.fc1.bias"]
            weights |= {f"{name}.mlp.norm.weight": 1 + first[:48], f"{name}.mlp.norm.bias": first[48:]}
            weights |= {f"{name}.attn.norm.{part}": weights[f"{name}.norm2.{part}"] for part in ("weight", "bias")}
    if pooled:
        weights |= {f"fc_norm.{part}": weights.pop(f"norm.{part}") for part in ("weight", "bias")}
    return read(weights)


def normed_inside() -> lm.Encoder:
    """Norms inside the MLPs of what is no EVA-02."""
    weights = pretrained.plain(np.random.default_rng(23), position_rows=1)
    for block in range(pretrained.DEPTH):
        bias = weights[f"blocks.{block}.mlp.fc1.bias"]
        weights |= {f"blocks.{block}.mlp.norm.weight": 1 + bias, f"blocks.{block}.mlp.norm.bias": bias}
    return read(weights)


def adapted() -> lm.Encoder:
    """With adapters that add something."""
    model = lm.LatentMIM(init=case("timm"), num_visible=4, decoder_width=32, decoder_depth=2, decoder_heads=4,
                         projector_width=64, lora_rank=2)  # fmt: skip
    trainer = lm.Trainer(model, lm.Arrays(pixels(4, 16, 16)), epochs=2, batch_size=4, progress=False,
                         base_learning_rate=1.0, warmup_epochs=0)  # fmt: skip
    trainer.fit()
    return model.encoder


Make = Callable[[], lm.Encoder]
# What timm can express.
FOR_TIMM: dict[str, Make] = {
    "own": lambda: lm.LatentMIM(**SMALL, seed=1).encoder,
    "own_learned": learned,
    "own_index": lambda: lm.LatentMIM(**SMALL, seed=1, positions="index").encoder,
    "own_channels": lambda: lm.LatentMIM(**SMALL, seed=1, channels=5).encoder,
    "registers": lambda: case("timm"),
    "no_bias": lambda: case("without_class_embedding"),
    "offset": lambda: case("dino"),
    "bicubic": lambda: case("moco_v3", interpolation="bicubic"),
    "no_class_token": lambda: case("ijepa"),
    "clip": lambda: plain(pre_norm=True, patch_bias=False, activation="quick_gelu", epsilon=1e-5, **HALF),
    "pre_norm": lambda: plain(pre_norm=True),
    "gated": lambda: plain(gated=True),
    "pooled": lambda: plain(pooled=True, activation="gelu_tanh"),
    "bias": lambda: case("beit"),
    "shared_bias": lambda: case("data2vec"),
    "bias_and_positions": biased_and_placed,
    "rotary": rotary,
    "rotary_gated": lambda: rotary(gated=True, periods=(1, 50**0.5)),
    "eva": lambda: eva(norms=False, pooled=True),
    "eva_norms": lambda: eva(norms=True),
}
# And what it cannot.
OTHERS: dict[str, Make] = {
    "bias_without_class_token": lambda: case("swin_like"),
    "rounded_periods": lambda: rotary(periods=(1.01, 10)),
    "epsilon": lambda: plain(epsilon=1e-3),
    "adapted": adapted,
    "normed_inside": normed_inside,
}


def image(encoder: lm.Encoder, height: int, width: int, count: int = 2) -> np.ndarray:
    """[count, height, width, channels] uint8."""
    return pixels(count, height, width, encoder.config.channels, seed=height * width)


def tokens(encoder: lm.Encoder, images: np.ndarray) -> np.ndarray:
    """With the class token, where there is one."""
    return encoder.features(images, class_token=encoder.has_class_token)
