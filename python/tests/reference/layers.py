"""Layers, over a flat dictionary of parameters."""

import math

import jax
import jax.numpy as jnp

from reference.configuration import Array, Parameters

NORM_EPSILON = 1e-6  # encoder and decoder
PLAIN_NORM_EPSILON = 1e-5  # projector, BatchNorm and norms without parameters
NORMALISE_EPSILON = 1e-12


def linear(params: Parameters, name: str, x: Array) -> Array:
    """x (W + B Aᵀ)ᵀ + b; without b or B Aᵀ where there is none."""
    y = x @ params[f"{name}.weight"].T
    if f"{name}.lora_up" in params:
        y = y + (x @ params[f"{name}.lora_down"]) @ params[f"{name}.lora_up"].T
    bias = params.get(f"{name}.bias")
    return y if bias is None else y + bias


def _standardised(x: Array, axis: int, epsilon: float) -> Array:
    centred = x - x.mean(axis, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(axis, keepdims=True) + epsilon)


def layer_norm(params: Parameters, name: str, x: Array, epsilon: float = NORM_EPSILON) -> Array:
    """LayerNorm over the last dimension, biased variance."""
    return _standardised(x, -1, epsilon) * params[f"{name}.weight"] + params[f"{name}.bias"]


def plain_layer_norm(x: Array) -> Array:
    """LayerNorm without parameters, ε 1e-5."""
    return _standardised(x, -1, PLAIN_NORM_EPSILON)


def batch_norm(x: Array) -> Array:
    """BatchNorm of [B,N] by the batch's own statistics, biased variance, without parameters."""
    return _standardised(x, 0, PLAIN_NORM_EPSILON)


def normalise(x: Array) -> Array:
    """x / max(‖x‖, 1e-12) over the last dimension."""
    # the maximum inside the root is the same number, with a gradient of 1/ε instead of NaN at x = 0
    return x / jnp.sqrt(jnp.maximum((x**2).sum(-1, keepdims=True), NORMALISE_EPSILON**2))


def gelu(x: Array) -> Array:
    """x Φ(x), exact."""
    return 0.5 * x * (1 + jax.lax.erf(x / math.sqrt(2)))


def attention(queries: Array, keys: Array, values: Array, heads: int) -> Array:
    """Multi-head attention of queries [B,N,W] over keys and values [B,K,W], scale head width^−½; [B,N,W]."""

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


def block(params: Parameters, name: str, x: Array, heads: int, epsilon: float = NORM_EPSILON) -> Array:
    """A pre-norm block: x += Attn(LN x); x += MLP(LN x)."""
    x = x + self_attention(params, f"{name}.attn", layer_norm(params, f"{name}.norm1", x, epsilon), heads)
    return x + mlp(params, f"{name}.mlp", layer_norm(params, f"{name}.norm2", x, epsilon))


def cross_block(params: Parameters, name: str, x: Array, memory: Array, heads: int) -> Array:
    """x += SelfAttn(LN x); x += CrossAttn(LN_q x, LN_kv memory); x += MLP(LN x)."""
    x = x + self_attention(params, f"{name}.self_attn", layer_norm(params, f"{name}.norm1", x), heads)
    seen = layer_norm(params, f"{name}.norm2kv", memory)
    x = x + cross_attention(params, f"{name}.cross_attn", layer_norm(params, f"{name}.norm2q", x), seen, heads)
    return x + mlp(params, f"{name}.mlp", layer_norm(params, f"{name}.norm3", x))
