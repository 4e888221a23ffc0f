"""What is to be predicted: latents of a target encoder, pixels or histograms of gradients."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from reference.configuration import Array, Config, Parameters, Views
from reference.layers import plain_layer_norm
from reference.networks import block_outputs, encoder, patch_tokens, projector, without_registers
from reference.patches import extract_patches, hog


class Targets(NamedTuple):
    """What each target patch is to be told from.

    Attributes:
        own: [B,T,O], the targets.
        keys: [B,K,O], among which each prediction is to find its own.
        index: [B,T], where in `keys` that is.
    """

    own: Array
    keys: Array
    index: Array


def all_cells(views: Views) -> Array:
    """Every cell in raster order: [B,L]."""
    batch, cells = views.offsets.shape[:2]
    return jnp.broadcast_to(jnp.arange(cells), (batch, cells))


def gather(tokens: Array, cells: Array) -> Array:
    """Rows [B,K,W] of tokens [B,L,W] in raster order."""
    return jnp.take_along_axis(tokens, cells[:, :, None], axis=1)


def target_latents(params: Parameters, images: Array, cells: Array, offsets: Array, config: Config) -> Array:
    """The target encoder's latents [B,K,C] of the cells [B,K], which are all that it sees; no class token."""
    prefix, depth = config.target_prefix, config.target_blocks
    patches = extract_patches(images, cells, offsets, config)
    if config.target_layers:
        outputs = block_outputs(params, prefix, patches, cells, config, depth)[-config.target_layers :]
        latents = plain_layer_norm(sum(plain_layer_norm(without_registers(x, config)) for x in outputs) / len(outputs))
    else:
        latents = encoder(params, prefix, patches, cells, config, depth)
        if config.projector == "both":
            latents = projector(params, prefix, latents, config)
    return patch_tokens(latents if config.trains_targets else jax.lax.stop_gradient(latents), config)


def _low_level(images: Array, views: Views, config: Config) -> Array:
    """[B,T,O] of the images as the encoder sees them."""
    describe = {"pixels": extract_patches, "hog": hog}[config.low_level_target]
    return describe(jnp.asarray(images), views.target, views.offsets, config)


def targets(
    params: Parameters, images: Array, views: Views, config: Config, teacher_tokens: Array | None = None
) -> Targets:
    """The targets of images [B,H,W,c], as the target encoder sees them, and the keys they are among. A frozen teacher's
    tokens of all cells [B,L,W] are given.
    """
    sees_all = config.target_sees == "all" and config.has_latent_targets
    if config.negatives == "all" and not sees_all:
        raise ValueError("targets: negatives 'all' are latents of all patches, wanted target_sees 'all'")
    if teacher_tokens is not None:
        latents = teacher_tokens
    elif config.target_encoder == "random_projection":
        patches = extract_patches(
            jnp.asarray(images), all_cells(views) if sees_all else views.target, views.offsets, config
        )
        latents = patches @ jax.lax.stop_gradient(params["target_projection.proj.weight"]).T
    elif not config.has_latent_targets:
        latents = _low_level(images, views, config)
    else:
        cells = all_cells(views) if sees_all else views.target
        latents = target_latents(params, images, cells, views.offsets, config)
    if config.target_norm == "layer":
        latents = plain_layer_norm(latents)
    own = gather(latents, views.target) if sees_all else latents
    if config.negatives == "all":
        return Targets(own, latents, views.target)
    return Targets(own, own, jnp.broadcast_to(jnp.arange(own.shape[1]), own.shape[:2]))
