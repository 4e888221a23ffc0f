"""The whole training loss, its gradients and its metrics."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from reference.configuration import Array, Config, Parameters, Views
from reference.layers import linear
from reference.networks import decoder, encoder, patch_tokens, predictor, projector
from reference.objectives import contrast, metrics, objective, similarity_constraint
from reference.patches import extract_patches
from reference.targets import all_cells, gather, target_latents, targets


class Online(NamedTuple):
    """What the online encoder gives: un-projected and projected tokens of the cells it saw, class token first."""

    unprojected: Array
    projected: Array


def online_tokens(params: Parameters, images: Array, views: Views, config: Config) -> Online:
    """Tokens [B,V(+1),C] of the visible cells, or [B,L(+1),C] of all in raster order where masked ones are tokens."""
    cells, hidden = views.visible, None
    if config.masked_input == "token":
        cells = all_cells(views)
        hidden = (views.target[:, :, None] == cells[:, None, :]).any(1)  # [B,L]
    patches = extract_patches(images, cells, views.offsets, config)
    unprojected = encoder(params, "encoder", patches, cells, config, hidden=hidden)
    projected = projector(params, "encoder", unprojected, config) if config.projector != "none" else unprojected
    return Online(unprojected, projected)


def visible_tokens(tokens: Array, views: Views, config: Config) -> Array:
    """Of the online encoder's tokens those of the visible cells, [B,V,C]."""
    patches = patch_tokens(tokens, config)
    return gather(patches, views.visible) if config.masked_input == "token" else patches


def predictions(params: Parameters, projected: Array, views: Views, config: Config) -> Array:
    """[B,T,O] from the projected online tokens; each block of targets is predicted on its own."""
    if config.decoder == "linear":
        return linear(params, "decoder.head", gather(patch_tokens(projected, config), views.target))
    seen = visible_tokens(projected, views, config)
    if config.class_token:
        seen = jnp.concatenate([projected[:, :1], seen], axis=1)
    blocks = jnp.split(views.target, views.target_blocks, axis=1)
    return jnp.concatenate([decoder(params, seen, views.visible, cells, config) for cells in blocks], axis=1)


class Crop(NamedTuple):
    """What one crop of every image gives: its loss, what is logged, and its projected visible tokens [B,V,C]."""

    loss: Array
    logged: dict[str, Array]
    visible: Array


def crop_loss(
    params: Parameters,
    images: Array,
    target_images: Array,
    views: Views,
    gamma: float | Array,
    config: Config,
    teacher_tokens: Array | None = None,
) -> Crop:
    """The Latent MIM loss: the objective, and the constraint where the targets are latents."""
    online = online_tokens(params, images, views, config)
    predicted = predictions(params, online.projected, views, config)
    wanted = targets(params, target_images, views, config, teacher_tokens)
    of_objective = total = objective(predicted, wanted, config)
    if config.has_latent_targets:
        tokens = online.projected if config.similarity_tokens == "projected" else online.unprojected
        constrained = visible_tokens(tokens, views, config)
        constraint = similarity_constraint(predicted, constrained, gamma, config.similarity_form)
        total = total + config.similarity_coefficient * constraint
    visible = visible_tokens(online.projected, views, config)
    logged = {"objective_loss": jax.lax.stop_gradient(of_objective)} | metrics(predicted, visible, wanted.own)
    return Crop(total, logged, visible)


def crops_contrast(
    params: Parameters, crops: list[Crop], images: list[Array], views: list[Views], config: Config
) -> Array:
    """MoCo v3's loss between two crops: each one's prediction picks the other's key."""
    queries = [predictor(params, crop.visible.mean(1)) for crop in crops]
    keys = [
        jax.lax.stop_gradient(target_latents(params, x, v.visible, v.offsets, config).mean(1))
        for x, v in zip(images, views, strict=True)
    ]
    return sum(contrast(q, k, config.contrast_temperature) for q, k in zip(queries, reversed(keys), strict=True))


@partial(jax.jit, static_argnames="config")
def loss(
    params: Parameters,
    target_params: Parameters,
    images: Array,
    views: Views,
    gamma: float | Array,
    config: Config,
    *,
    target_images: Array | None = None,
    second_images: Array | None = None,
    second_views: Views | None = None,
    teacher_tokens: Array | None = None,
) -> tuple[Array, dict[str, Array]]:
    """The training loss and the logged metrics of images [B,H,W,c].

    `params` are trained, `target_params` (of a momentum target, else empty) constants. `target_images`: the recoloured
    crops of target_view "recolored". `second_images`, `second_views`: the other crops, where crops are contrasted; the
    two losses and their metrics are averaged, but what is measured between images, which is the first crops'.
    `teacher_tokens` [B,L,W]: what a frozen teacher says of all cells.
    """
    if (target_images is not None) != (config.target_view == "recolored"):
        raise ValueError("loss: target_images go with target_view 'recolored', and only with it")
    if (second_images is not None) != (config.contrast_coefficient > 0) or (second_views is None) != (
        second_images is None
    ):
        raise ValueError("loss: second images and views go with a contrast_coefficient, and only with it")
    everything = params | jax.lax.stop_gradient(target_params)
    seen = images if target_images is None else target_images
    first = crop_loss(everything, images, seen, views, gamma, config, teacher_tokens)
    if second_images is None or second_views is None:
        return first.loss, first.logged
    second = crop_loss(everything, second_images, second_images, second_views, gamma, config)
    contrasted = crops_contrast(everything, [first, second], [images, second_images], [views, second_views], config)
    between_images = ("similarity_images", "effective_rank")
    logged = {
        name: value if name in between_images else (value + second.logged[name]) / 2
        for name, value in first.logged.items()
    }
    return (first.loss + second.loss) / 2 + config.contrast_coefficient * contrasted, logged


@partial(jax.jit, static_argnames="config")
def loss_and_gradients(
    params: Parameters,
    target_params: Parameters,
    images: Array,
    views: Views,
    gamma: float | Array,
    config: Config,
    **others: Array | Views | None,
) -> tuple[Array, dict[str, Array], Parameters]:
    """`loss` and its gradient with respect to every trained parameter."""
    (value, logged), grads = jax.value_and_grad(loss, has_aux=True)(
        params, target_params, images, views, gamma, config, **others
    )
    return value, logged, grads


def gradients(
    params: Parameters,
    target_params: Parameters,
    images: Array,
    views: Views,
    gamma: float | Array,
    config: Config,
    **others: Array | Views | None,
) -> Parameters:
    """The gradient of `loss` with respect to every trained parameter, by name."""
    return loss_and_gradients(params, target_params, images, views, gamma, config, **others)[2]
