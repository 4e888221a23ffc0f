"""Latent masked image modelling once more, independently of the library: plain functions in JAX, in float64.

Written from the method alone, without reading the Swift sources; slow and literal on purpose. Parameters are flat
dictionaries under the published checkpoint's names; nothing here holds state.

Shape letters: B images, L = rows · columns grid cells, V visible, T = L − V targets, N any number of tokens, C encoder
width, D decoder width, W either of them, P patch side, G gap, c channels.
"""

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", True)  # compiling is most of the time these tests take

Array = jax.Array
Parameters = dict[str, Array]

NORM_EPSILON = 1e-6  # encoder and decoder
PROJECTOR_NORM_EPSILON = 1e-5
STANDARDISE_EPSILON = 1e-4
NORMALISE_EPSILON = 1e-12

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
}


@dataclass(frozen=True)
class Config:
    """What the loss depends on; the defaults are the published run's (ViT-B/16, preset `official`)."""

    grid: tuple[int, int] = (14, 14)  # rows, columns
    patch_size: int = 16
    channels: int = 3
    patch_gap: int = 4
    num_visible: int = 20
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    decoder_width: int = 512
    decoder_depth: int = 3
    decoder_heads: int = 16
    projector_width: int = 4096
    projector_depth: int = 3
    positions: str = "linspace"  # or "index"
    projector: str = "both"  # or "online", "none"
    cue_scale: str = "sqrt"  # or "none"
    standardize_predictions: bool = True
    temperature: float = 0.2
    loss_scale: float = 2.0  # in multiples of the temperature
    similarity_coefficient: float = 0.1
    similarity_form: str = "batch"  # or "image"
    similarity_tokens: str = "projected"  # or "unprojected"

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width in pixels of the training crop."""
        cell = self.patch_size + self.patch_gap
        return self.grid[0] * cell, self.grid[1] * cell


def configuration(preset: str = "official", **options: Any) -> Config:
    """The preset's configuration with `options` changed."""
    return Config(**{**PRESETS[preset], **options})


class Views(NamedTuple):
    """What each image shows: visible cells [B,V], target cells [B,T], (row, column) patch offsets [B,L,2]."""

    visible: Array
    target: Array
    offsets: Array


# Parameters


def _linear_shapes(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _mlp_shapes(name: str, width: int, ratio: float) -> dict[str, tuple[int, ...]]:
    hidden = int(width * ratio)
    return _linear_shapes(f"{name}.fc1", width, hidden) | _linear_shapes(f"{name}.fc2", hidden, width)


def projector_widths(config: Config) -> list[tuple[int, int]]:
    """(inputs, outputs) of the projector's linear layers, first to last."""
    widths = [config.width] + [config.projector_width] * (config.projector_depth - 1) + [config.width]
    return list(itertools.pairwise(widths))


def _encoder_shapes(prefix: str, config: Config, projected: bool) -> dict[str, tuple[int, ...]]:
    width = config.width
    shapes: dict[str, tuple[int, ...]] = {f"{prefix}.cls_token": (1, 1, width)}
    shapes |= _linear_shapes(f"{prefix}.embed.proj", config.patch_size**2 * config.channels, width)
    for i in range(config.depth):
        block = f"{prefix}.blocks.{i}"
        shapes |= _norm_shapes(f"{block}.norm1", width)
        shapes |= _linear_shapes(f"{block}.attn.qkv", width, 3 * width)
        shapes |= _linear_shapes(f"{block}.attn.proj", width, width)
        shapes |= _norm_shapes(f"{block}.norm2", width)
        shapes |= _mlp_shapes(f"{block}.mlp", width, config.mlp_ratio)
    shapes |= _norm_shapes(f"{prefix}.norm", width)
    if projected:
        for i, (inputs, outputs) in enumerate(projector_widths(config)):
            shapes[f"{prefix}.head.linear{i}.weight"] = (outputs, inputs)
            shapes |= _norm_shapes(f"{prefix}.head.norm{i}", outputs)
    return shapes


def _decoder_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    width = config.decoder_width
    shapes: dict[str, tuple[int, ...]] = {"decoder.cls_token": (1, 1, width), "decoder.mask_token": (1, 1, width)}
    shapes |= _linear_shapes("decoder.embed", config.width, width)
    for i in range(config.decoder_depth):
        block = f"decoder.blocks.{i}"
        for norm in ("norm1", "norm2q", "norm2kv", "norm3"):
            shapes |= _norm_shapes(f"{block}.{norm}", width)
        shapes |= _linear_shapes(f"{block}.self_attn.qkv", width, 3 * width)
        shapes |= _linear_shapes(f"{block}.self_attn.proj", width, width)
        shapes |= _linear_shapes(f"{block}.cross_attn.q_proj", width, width)
        shapes |= _linear_shapes(f"{block}.cross_attn.kv_proj", width, 2 * width)
        shapes |= _linear_shapes(f"{block}.cross_attn.proj", width, width)
        shapes |= _mlp_shapes(f"{block}.mlp", width, config.mlp_ratio)
    shapes |= _norm_shapes("decoder.norm", width)
    shapes |= _linear_shapes("decoder.head", width, config.width)
    return shapes


def parameter_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Every trainable or averaged tensor's shape by its published name; the position tables are `buffer_shapes`."""
    return (
        _encoder_shapes("encoder", config, projected=config.projector != "none")
        | _encoder_shapes("target_encoder", config, projected=config.projector == "both")
        | _decoder_shapes(config)
    )


def buffer_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Shapes of the fixed position tables a published checkpoint also carries."""
    rows = config.grid[0] * config.grid[1] + 1
    widths = {"encoder": config.width, "target_encoder": config.width, "decoder": config.decoder_width}
    return {f"{prefix}.pos_embed.pos_embeds": (rows, width) for prefix, width in widths.items()}


def is_online(name: str) -> bool:
    """Whether the optimiser trains this parameter (the target encoder is an average)."""
    return name.startswith(("encoder.", "decoder."))


# Positions and patches


def positions(config: Config, kind: str, width: int) -> np.ndarray:
    """Fixed 2-D sin-cos table [L+1, width], class token (zeros) first, layout [sin x, cos x, sin y, cos y].

    `kind`: "index" gives the cells coordinates 0…g−1, "linspace" g of them spread over 0…g.
    """
    rows, columns = config.grid
    if kind == "linspace":
        y, x = np.linspace(0, rows, rows), np.linspace(0, columns, columns)
    elif kind == "index":
        y, x = np.arange(rows, dtype=np.float64), np.arange(columns, dtype=np.float64)
    else:
        raise ValueError(f"positions: {kind!r} is neither 'linspace' nor 'index'")
    omega = 10000.0 ** (-4.0 * np.arange(width // 4) / width)  # [W/4]
    angle_x = np.tile(x, rows)[:, None] * omega  # [L, W/4]: cells in row-major order
    angle_y = np.repeat(y, columns)[:, None] * omega
    cells = np.concatenate([np.sin(angle_x), np.cos(angle_x), np.sin(angle_y), np.cos(angle_y)], axis=1)
    return np.concatenate([np.zeros((1, width)), cells])


def cell_positions(config: Config, width: int, cells: Array, dtype: Any) -> Array:
    """Positions [B,K,W] of the given cells [B,K]."""
    return jnp.asarray(positions(config, config.positions, width), dtype)[cells + 1]


def extract_patches(images: Array, cells: Array, offsets: Array, config: Config) -> Array:
    """Patches [B,K,P·P·c], flattened (row, column, channel), of cells [B,K] at offsets [B,L,2] in images [B,H,W,c]."""
    batch, count = cells.shape
    size, stride = config.patch_size, config.patch_size + config.patch_gap
    if images.shape[1:] != (*config.crop, config.channels):
        raise ValueError(f"extract_patches: images are {images.shape}, wanted [B, *{config.crop}, {config.channels}]")
    offset = jnp.take_along_axis(offsets, cells[:, :, None], axis=1)  # [B,K,2]
    top = cells // config.grid[1] * stride + offset[:, :, 0]  # [B,K]
    left = cells % config.grid[1] * stride + offset[:, :, 1]
    rows = top[:, :, None, None] + jnp.arange(size)[:, None]  # [B,K,P,1]
    columns = left[:, :, None, None] + jnp.arange(size)  # [B,K,1,P]
    patches = jnp.asarray(images)[jnp.arange(batch)[:, None, None, None], rows, columns]  # [B,K,P,P,c]
    return patches.reshape(batch, count, -1)


# Layers


def linear(params: Parameters, name: str, x: Array) -> Array:
    """x Wᵀ + b; without b where there is none."""
    y = x @ params[f"{name}.weight"].T
    bias = params.get(f"{name}.bias")
    return y if bias is None else y + bias


def layer_norm(params: Parameters, name: str, x: Array, epsilon: float = NORM_EPSILON) -> Array:
    """LayerNorm over the last dimension, biased variance."""
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return scaled * params[f"{name}.weight"] + params[f"{name}.bias"]


def gelu(x: Array) -> Array:
    """x Φ(x), exact."""
    return 0.5 * x * (1 + jax.lax.erf(x / math.sqrt(2)))


def attention(queries: Array, keys: Array, values: Array, heads: int) -> Array:
    """Multi-head attention of queries [B,N,W] over keys and values [B,M,W], scale head width^−½; [B,N,W]."""

    def split(x: Array) -> Array:  # [B,N,W] → [B,heads,N,W/heads]
        return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)

    scores = split(queries) @ split(keys).swapaxes(2, 3) / math.sqrt(queries.shape[2] // heads)
    mixed = jax.nn.softmax(scores, axis=-1) @ split(values)
    return mixed.swapaxes(1, 2).reshape(queries.shape)


def self_attention(params: Parameters, name: str, x: Array, heads: int) -> Array:
    """Fused qkv (all of q, then k, then v), attention, output projection."""
    q, k, v = jnp.split(linear(params, f"{name}.qkv", x), 3, axis=-1)
    return linear(params, f"{name}.proj", attention(q, k, v, heads))


def cross_attention(params: Parameters, name: str, x: Array, memory: Array, heads: int) -> Array:
    """Queries from x, fused kv (all of k, then v) from the memory, output projection."""
    k, v = jnp.split(linear(params, f"{name}.kv_proj", memory), 2, axis=-1)
    return linear(params, f"{name}.proj", attention(linear(params, f"{name}.q_proj", x), k, v, heads))


def mlp(params: Parameters, name: str, x: Array) -> Array:
    """Linear, GELU, linear."""
    return linear(params, f"{name}.fc2", gelu(linear(params, f"{name}.fc1", x)))


# Networks


def encoder(params: Parameters, prefix: str, patches: Array, cells: Array, config: Config) -> Array:
    """Tokens [B,K+1,C] of patches [B,K,P·P·c] at cells [B,K]: class token first, normed, un-projected."""
    tokens = linear(params, f"{prefix}.embed.proj", patches)
    tokens = tokens + cell_positions(config, config.width, cells, tokens.dtype)
    cls = jnp.broadcast_to(params[f"{prefix}.cls_token"], (tokens.shape[0], 1, config.width))
    x = jnp.concatenate([cls, tokens], axis=1)
    for i in range(config.depth):
        block = f"{prefix}.blocks.{i}"
        x = x + self_attention(params, f"{block}.attn", layer_norm(params, f"{block}.norm1", x), config.heads)
        x = x + mlp(params, f"{block}.mlp", layer_norm(params, f"{block}.norm2", x))
    return layer_norm(params, f"{prefix}.norm", x)


def projector(params: Parameters, prefix: str, x: Array, config: Config) -> Array:
    """The encoder's projector: [linear, LN, GELU] …, linear, LN on every token [B,N,C]."""
    for i in range(config.projector_depth):
        x = linear(params, f"{prefix}.head.linear{i}", gelu(x) if i > 0 else x)
        x = layer_norm(params, f"{prefix}.head.norm{i}", x, PROJECTOR_NORM_EPSILON)
    return x


def visual_cues(embedded: Array, visible: Array, target: Array, config: Config) -> Array:
    """Σ_v softmax_v(pe_t·pe_v [/√D]) e_v: [B,T,D] from the embedded visible tokens [B,V,D], no class token."""
    width = config.decoder_width
    at_target = cell_positions(config, width, target, embedded.dtype)  # [B,T,D]
    at_visible = cell_positions(config, width, visible, embedded.dtype)  # [B,V,D]
    logits = at_target @ at_visible.swapaxes(1, 2)  # [B,T,V]
    if config.cue_scale == "sqrt":
        logits = logits / math.sqrt(width)
    return jax.nn.softmax(logits, axis=-1) @ embedded


def decoder(params: Parameters, tokens: Array, visible: Array, target: Array, config: Config) -> Array:
    """Predictions [B,T,C] at target cells [B,T] from the online tokens [B,V+1,C] of the visible cells [B,V]."""
    width, heads = config.decoder_width, config.decoder_heads
    embedded = linear(params, "decoder.embed", tokens)  # [B,V+1,D]
    at_visible = cell_positions(config, width, visible, embedded.dtype)
    memory = jnp.concatenate([embedded[:, :1], embedded[:, 1:] + at_visible], axis=1)

    queries = params["decoder.mask_token"] + visual_cues(embedded[:, 1:], visible, target, config)
    queries = queries + cell_positions(config, width, target, embedded.dtype)
    cls = jnp.broadcast_to(params["decoder.cls_token"], (tokens.shape[0], 1, width))
    x = jnp.concatenate([cls, queries], axis=1)  # [B,T+1,D]
    for i in range(config.decoder_depth):
        block = f"decoder.blocks.{i}"
        x = x + self_attention(params, f"{block}.self_attn", layer_norm(params, f"{block}.norm1", x), heads)
        seen = layer_norm(params, f"{block}.norm2kv", memory)
        x = x + cross_attention(params, f"{block}.cross_attn", layer_norm(params, f"{block}.norm2q", x), seen, heads)
        x = x + mlp(params, f"{block}.mlp", layer_norm(params, f"{block}.norm3", x))
    return linear(params, "decoder.head", layer_norm(params, "decoder.norm", x))[:, 1:]


# Objective and metrics


def normalise(x: Array) -> Array:
    """x / max(‖x‖, 1e-12) over the last dimension."""
    # the maximum inside the root is the same number, with a gradient of 1/ε instead of NaN at x = 0
    return x / jnp.sqrt(jnp.maximum((x**2).sum(-1, keepdims=True), NORMALISE_EPSILON**2))


def standardise(predictions: Array) -> Array:
    """(ẑ − mean)/(std + 1e-4) per image and channel over the T patches of [B,T,C], unbiased std."""
    centred = predictions - predictions.mean(1, keepdims=True)
    variance = (centred**2).sum(1, keepdims=True) / (predictions.shape[1] - 1)
    return centred / (jnp.sqrt(variance) + STANDARDISE_EPSILON)


def patch_discrimination(predictions: Array, targets: Array, config: Config) -> Array:
    """Cross-entropy of each prediction [B,T,C] picking its own target among its image's T, times scale · τ."""
    if config.standardize_predictions:
        predictions = standardise(predictions)
    scores = normalise(predictions) @ normalise(targets).swapaxes(1, 2) / config.temperature  # [B,T,T]
    log_probabilities = jax.nn.log_softmax(scores, axis=-1)
    own = jnp.diagonal(log_probabilities, axis1=1, axis2=2)  # [B,T]
    return -own.mean() * config.loss_scale * config.temperature


def pairwise_similarity(tokens: Array) -> Array:
    """Mean cosine over all ordered pairs of one image's tokens [B,N,C], a token with itself included: [B]."""
    unit = normalise(tokens)
    return (unit @ unit.swapaxes(1, 2)).mean((1, 2))


def similarity_constraint(predictions: Array, visible: Array, gamma: float | Array, form: str) -> Array:
    """Eq. 8 without its coefficient; `form` "batch" averages over images before the square, "image" after it."""
    terms = []
    for tokens in (predictions, visible):
        similarity = pairwise_similarity(tokens)
        terms.append((similarity.mean() - gamma) ** 2 if form == "batch" else ((similarity - gamma) ** 2).mean())
    return terms[0] + terms[1]


def image_similarity(pooled: Array) -> Array:
    """Mean cosine between different images of pooled tokens [B,C] (B ≥ 2)."""
    batch = pooled.shape[0]
    cosines = normalise(pooled) @ normalise(pooled).T
    return (cosines.sum() - jnp.trace(cosines)) / (batch * (batch - 1))


def effective_rank(pooled: Array) -> Array:
    """exp of the entropy of the normalised singular values of [B,C] centred over its rows."""
    values = jnp.linalg.svd(pooled - pooled.mean(0), compute_uv=False)
    shares = values / values.sum()
    return jnp.exp(-jnp.where(shares > 0, shares * jnp.log(jnp.where(shares > 0, shares, 1)), 0).sum())


@partial(jax.jit, static_argnames="config")
def loss(
    params: Parameters, target_params: Parameters, images: Array, views: Views, gamma: float | Array, config: Config
) -> tuple[Array, dict[str, Array]]:
    """The training loss and the logged metrics of images [B,H,W,c]; the targets are constants."""
    patches = extract_patches(images, views.visible, views.offsets, config)
    unprojected = encoder(params, "encoder", patches, views.visible, config)
    projected = projector(params, "encoder", unprojected, config) if config.projector != "none" else unprojected
    predictions = decoder(params, projected, views.visible, views.target, config)

    patches = extract_patches(images, views.target, views.offsets, config)
    targets = encoder(target_params, "target_encoder", patches, views.target, config)
    if config.projector == "both":
        targets = projector(target_params, "target_encoder", targets, config)
    targets = jax.lax.stop_gradient(targets[:, 1:])

    total = patch_discrimination(predictions, targets, config)
    constrained = (projected if config.similarity_tokens == "projected" else unprojected)[:, 1:]
    constraint = similarity_constraint(predictions, constrained, gamma, config.similarity_form)
    total = total + config.similarity_coefficient * constraint
    return total, metrics(predictions, projected[:, 1:], targets)


def metrics(predictions: Array, visible: Array, targets: Array) -> dict[str, Array]:
    """What is logged of predictions [B,T,C], projected visible tokens [B,V,C] and targets [B,T,C], no class tokens."""
    predictions, visible, targets = jax.lax.stop_gradient((predictions, visible, targets))
    pooled = visible.mean(1)
    return {
        "similarity_predictions": pairwise_similarity(predictions).mean(),
        "similarity_visible": pairwise_similarity(visible).mean(),
        "similarity_targets": pairwise_similarity(targets).mean(),
        "similarity_images": image_similarity(pooled),
        "effective_rank": effective_rank(pooled),
    }


@partial(jax.jit, static_argnames="config")
def loss_and_gradients(
    params: Parameters, target_params: Parameters, images: Array, views: Views, gamma: float | Array, config: Config
) -> tuple[Array, dict[str, Array], Parameters]:
    """`loss` and its gradient with respect to every online parameter."""
    (value, logged), grads = jax.value_and_grad(loss, has_aux=True)(params, target_params, images, views, gamma, config)
    return value, logged, grads


def gradients(
    params: Parameters, target_params: Parameters, images: Array, views: Views, gamma: float | Array, config: Config
) -> Parameters:
    """The gradient of `loss` with respect to every online parameter, by name."""
    return loss_and_gradients(params, target_params, images, views, gamma, config)[2]


# Optimisation


@dataclass(frozen=True)
class Training:
    """What the schedules depend on, progress and warm-up in fractions of the whole run."""

    peak_lr: float
    warmup: float = 0.1
    final_fraction: float = 0.25  # of the peak; the warm-up starts there too. The paper's preset: 0
    momentum: float = 0.99
    gamma_start: float = 0.75
    gamma_end: float = 0.25


def schedule(training: Training, progress: float) -> tuple[float, float, float]:
    """Learning rate, target momentum and γ at `progress` in [0, 1)."""
    falling = 0.5 * (1 + math.cos(math.pi * progress))
    if progress < training.warmup:
        share = progress / training.warmup
    else:
        share = 0.5 * (1 + math.cos(math.pi * (progress - training.warmup) / (1 - training.warmup)))
    lr = training.peak_lr * (training.final_fraction + share * (1 - training.final_fraction))
    momentum = 1 - falling * (1 - training.momentum)
    gamma = training.gamma_end + falling * (training.gamma_start - training.gamma_end)
    return lr, momentum, gamma


def decays(name: str, ndim: int) -> bool:
    """Whether weight decay applies: two or more dimensions and none of `bias`, `norm`, `embed` in the name."""
    return ndim >= 2 and not any(word in name for word in ("bias", "norm", "embed"))


class AdamWState(NamedTuple):
    """Steps taken, and both moments by parameter name."""

    step: int | Array
    first: Parameters
    second: Parameters


def adamw_state(params: Parameters) -> AdamWState:
    """The state before the first step."""
    zeros = {name: jnp.zeros_like(value) for name, value in params.items()}
    return AdamWState(0, zeros, dict(zeros))


@jax.jit
def adamw_step(
    params: Parameters,
    grads: Parameters,
    state: AdamWState,
    lr: float,
    weight_decay: float = 0.05,
    betas: tuple[float, float] = (0.9, 0.95),
    epsilon: float = 1e-8,
) -> tuple[Parameters, AdamWState]:
    """One AdamW step: decay first, then the bias-corrected step; new parameters and state."""
    beta1, beta2 = betas
    step = state.step + 1
    first, second, updated = {}, {}, {}
    for name, value in params.items():
        gradient = grads[name]
        first[name] = beta1 * state.first[name] + (1 - beta1) * gradient
        second[name] = beta2 * state.second[name] + (1 - beta2) * gradient**2
        mean = first[name] / (1 - beta1**step)
        deviation = jnp.sqrt(second[name] / (1 - beta2**step))
        if decays(name, value.ndim):
            value = value - lr * weight_decay * value
        updated[name] = value - lr * mean / (deviation + epsilon)
    return updated, AdamWState(step, first, second)


def update_target(target: Parameters, online: Parameters, momentum: float) -> Parameters:
    """target ← m · target + (1 − m) · online, matched by name."""
    return {
        name: momentum * value + (1 - momentum) * online[name.removeprefix("target_")] for name, value in target.items()
    }
