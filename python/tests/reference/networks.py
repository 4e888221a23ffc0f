"""Encoder, projector, the three decoders and MoCo v3's predictor. The class token, if any, comes first."""

import math

import jax
import jax.numpy as jnp

from reference.configuration import Array, Config, Parameters
from reference.layers import (
    PLAIN_NORM_EPSILON,
    batch_norm,
    block,
    cross_block,
    gelu,
    layer_norm,
    linear,
)
from reference.patches import position_table


def patch_tokens(tokens: Array, config: Config) -> Array:
    """The tokens without the class token, once registers are gone."""
    return tokens[:, 1:] if config.class_token else tokens


def without_registers(tokens: Array, config: Config) -> Array:
    """Tokens [B,(1+)R+K,C] without those of registers, which stand behind the class token."""
    first = int(config.class_token)
    return jnp.concatenate([tokens[:, :first], tokens[:, first + config.registers :]], axis=1)


def _class_row(token: Array, batch: int) -> Array:
    return jnp.broadcast_to(token, (batch, 1, token.shape[-1]))


def block_outputs(
    params: Parameters,
    prefix: str,
    patches: Array,
    cells: Array,
    config: Config,
    depth: int | None = None,
    hidden: Array | None = None,
) -> list[Array]:
    """Outputs [B,(1+R+)K,C] of the first `depth` blocks for patches [B,K,P·P·c] at cells [B,K].

    Where `hidden` [B,K] is true, the mask token stands in place of the embedded patch.
    """
    tokens = linear(params, f"{prefix}.embed.proj", patches)
    if hidden is not None:
        tokens = jnp.where(hidden[:, :, None], params[f"{prefix}.mask_token"], tokens)
    table = position_table(params, prefix, config.width, config, tokens.dtype)
    x = tokens + table[cells + 1]
    if config.class_token:
        x = jnp.concatenate([_class_row(params[f"{prefix}.cls_token"] + table[0], len(x)), x], axis=1)
    if config.registers:
        registers = jnp.broadcast_to(params[f"{prefix}.register_tokens"], (len(x), config.registers, x.shape[-1]))
        first = int(config.class_token)
        x = jnp.concatenate([x[:, :first], registers, x[:, first:]], axis=1)
    outputs = []
    for i in range(config.depth if depth is None else depth):
        x = block(params, f"{prefix}.blocks.{i}", x, config.heads, config.norm_epsilon)
        outputs.append(x)
    return outputs


def encoder(
    params: Parameters,
    prefix: str,
    patches: Array,
    cells: Array,
    config: Config,
    depth: int | None = None,
    hidden: Array | None = None,
) -> Array:
    """Tokens [B,K(+1),C] behind the final norm, un-projected; arguments as of `block_outputs`."""
    last = block_outputs(params, prefix, patches, cells, config, depth, hidden)[-1]
    return layer_norm(params, f"{prefix}.norm", without_registers(last, config), config.norm_epsilon)


def projector(params: Parameters, prefix: str, x: Array, config: Config) -> Array:
    """The encoder's projector: [linear, LN, GELU] …, linear, LN on every token [B,N,C]."""
    for i in range(config.projector_depth):
        x = linear(params, f"{prefix}.head.linear{i}", gelu(x) if i > 0 else x)
        x = layer_norm(params, f"{prefix}.head.norm{i}", x, PLAIN_NORM_EPSILON)
    return x


def visual_cues(embedded: Array, at_visible: Array, at_target: Array, config: Config) -> Array:
    """Σ_v softmax_v(pe_t·pe_v [/√D]) e_v: [B,T,D] from the embedded visible tokens and all positions [B,·,D].

    The weights are constants, also where positions are learned.
    """
    logits = jax.lax.stop_gradient(at_target @ at_visible.swapaxes(1, 2))  # [B,T,V]
    if config.cue_scale == "sqrt":
        logits = logits / math.sqrt(config.decoder_width)
    return jax.nn.softmax(logits, axis=-1) @ embedded


def _cross_attention_decoder(
    params: Parameters, embedded: Array, at_visible: Array, at_target: Array, at_class: Array, config: Config
) -> Array:
    """Queries [B,T,D], which look at the memory in every block."""
    visible = patch_tokens(embedded, config)
    memory = visible + at_visible
    x = jnp.broadcast_to(params["decoder.mask_token"], at_target.shape) + at_target
    if config.visual_cues:
        x = x + visual_cues(visible, at_visible, at_target, config)
    if config.class_token:
        memory = jnp.concatenate([embedded[:, :1] + at_class, memory], axis=1)
        x = jnp.concatenate([_class_row(params["decoder.cls_token"] + at_class, len(x)), x], axis=1)
    for i in range(config.decoder_depth):
        x = cross_block(params, f"decoder.blocks.{i}", x, memory, config.decoder_heads)
    return x[:, -at_target.shape[1] :]


def _self_attention_decoder(
    params: Parameters, embedded: Array, at_visible: Array, at_target: Array, at_class: Array, config: Config
) -> Array:
    """MAE's: one sequence [class, visible + position, mask token + position]; its last T rows [B,T,D]."""
    visible = patch_tokens(embedded, config) + at_visible
    hidden = jnp.broadcast_to(params["decoder.mask_token"], at_target.shape) + at_target
    x = jnp.concatenate([embedded[:, : int(config.class_token)] + at_class, visible, hidden], axis=1)
    for i in range(config.decoder_depth):
        x = block(params, f"decoder.blocks.{i}", x, config.decoder_heads)
    return x[:, -at_target.shape[1] :]


def decoder(params: Parameters, tokens: Array, visible: Array, target: Array, config: Config) -> Array:
    """Predictions [B,T,O] at target cells [B,T] from the online tokens [B,V(+1),C] of the visible cells [B,V]."""
    embedded = linear(params, "decoder.embed", tokens)  # [B,V(+1),D]
    table = position_table(params, "decoder", config.decoder_width, config, embedded.dtype)
    at_visible, at_target = table[visible + 1], table[target + 1]
    if config.decoder == "cross_attention":
        x = _cross_attention_decoder(params, embedded, at_visible, at_target, table[0], config)
    elif config.decoder == "self_attention":
        x = _self_attention_decoder(params, embedded, at_visible, at_target, table[0], config)
    else:
        raise ValueError(f"decoder: {config.decoder!r} is neither 'cross_attention' nor 'self_attention'")
    return linear(params, "decoder.head", layer_norm(params, "decoder.norm", x))


def predictor(params: Parameters, x: Array) -> Array:
    """MoCo v3's, of one vector an image [B,C]: linear, BatchNorm, ReLU, linear, BatchNorm without parameters."""
    x = batch_norm(linear(params, "predictor.linear0", x))
    x = x * params["predictor.norm0.weight"] + params["predictor.norm0.bias"]
    return batch_norm(linear(params, "predictor.linear1", jnp.maximum(x, 0)))
