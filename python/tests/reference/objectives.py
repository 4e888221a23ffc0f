"""Objectives, the similarity constraint, MoCo v3's contrast, and what is logged."""

import jax
import jax.numpy as jnp

from reference.configuration import Array, Config
from reference.layers import normalise
from reference.targets import Targets

STANDARDISE_EPSILON = 1e-4
TARGET_EPSILON = 1e-6


def standardise(predictions: Array) -> Array:
    """(ẑ − mean)/(std + 1e-4) per image and channel over the T patches of [B,T,C], unbiased std."""
    centred = predictions - predictions.mean(1, keepdims=True)
    variance = (centred**2).sum(1, keepdims=True) / (predictions.shape[1] - 1)
    return centred / (jnp.sqrt(variance) + STANDARDISE_EPSILON)


def patch_discrimination(
    predictions: Array, targets: Array, config: Config, keys: Array | None = None, index: Array | None = None
) -> Array:
    """Cross-entropy of each prediction [B,T,C] picking its own target [B,T,C] among its image's, times scale · τ.

    `keys` [B,K,C], where given, stand in place of the targets, each prediction's own at `index` [B,T]. Keys whose
    cosine with the target is above the threshold are left out, but for the own one.
    """
    if keys is None or index is None:
        keys, index = targets, jnp.broadcast_to(jnp.arange(targets.shape[1]), targets.shape[:2])
    if config.standardize_predictions:
        predictions = standardise(predictions)
    unit_keys = normalise(keys).swapaxes(1, 2)
    scores = normalise(predictions) @ unit_keys / config.temperature  # [B,T,K]
    own = index[:, :, None] == jnp.arange(keys.shape[1])
    if config.false_negative_threshold < 1:
        alike = normalise(targets) @ unit_keys > config.false_negative_threshold
        scores = jnp.where(alike & ~own, -jnp.inf, scores)
    losses = jax.nn.logsumexp(scores, axis=-1) - jnp.where(own, scores, 0).sum(-1)  # [B,T]
    return losses.mean() * config.loss_scale * config.temperature


def standardised_targets(targets: Array) -> Array:
    """(z − mean)/√(variance + 1e-6) of each patch of [B,T,O] over its numbers, unbiased variance."""
    centred = targets - targets.mean(-1, keepdims=True)
    variance = (centred**2).sum(-1, keepdims=True) / (targets.shape[-1] - 1)
    return centred / jnp.sqrt(variance + TARGET_EPSILON)


def huber_vector(difference: Array, delta: float) -> Array:
    """Eq. 6 with the norms of a patch's difference [B,T,O]: ½‖d‖₂² where ‖d‖₂² < δ², else δ(‖d‖₁ − δ/2); [B,T]."""
    squared = (difference**2).sum(-1)
    return jnp.where(squared < delta**2, squared / 2, delta * (jnp.abs(difference).sum(-1) - delta / 2))


def element_loss(difference: Array, kind: str, delta: float) -> Array:
    """The loss of every element of a difference."""
    size = jnp.abs(difference)
    huber = jnp.where(size < delta, difference**2 / 2, delta * (size - delta / 2))
    return {"mse": difference**2, "l1": size, "huber": huber, "smooth_l1": huber / delta}[kind]


def objective(predictions: Array, wanted: Targets, config: Config) -> Array:
    """The objective of predictions [B,T,O] against the targets."""
    if config.objective == "patch_discrimination":
        return patch_discrimination(predictions, wanted.own, config, wanted.keys, wanted.index)
    if config.objective == "normalized_mse":
        return element_loss(predictions - standardised_targets(wanted.own), "mse", config.huber_delta).mean()
    difference = predictions - wanted.own
    if config.objective == "huber_vector":
        return huber_vector(difference, config.huber_delta).mean()
    return element_loss(difference, config.objective, config.huber_delta).mean()


def contrast(queries: Array, keys: Array, temperature: float) -> Array:
    """MoCo v3's for one direction: 2τ · cross-entropy of each query [B,C] picking its key [B,C] in the batch."""
    scores = normalise(queries) @ normalise(keys).T / temperature
    return -2 * temperature * jnp.diagonal(jax.nn.log_softmax(scores, axis=-1)).mean()


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


def metrics(predictions: Array, visible: Array, targets: Array) -> dict[str, Array]:
    """What is logged of predictions [B,T,O], projected visible tokens [B,V,C] and targets [B,T,O], no class tokens."""
    predictions, visible, targets = jax.lax.stop_gradient((predictions, visible, targets))
    pooled = visible.mean(1)
    return {
        "similarity_predictions": pairwise_similarity(predictions).mean(),
        "similarity_visible": pairwise_similarity(visible).mean(),
        "similarity_targets": pairwise_similarity(targets).mean(),
        "similarity_images": image_similarity(pooled),
        "effective_rank": effective_rank(pooled),
    }
