"""Latent masked image modelling once more, independently of the library: plain functions in JAX, in float64.

Written from the method alone, without reading the Swift sources; slow and literal on purpose. Parameters are flat
dictionaries under the published checkpoint's names; nothing here holds state, and nothing is random: views, crops and
recoloured images are given, and dropout and drop path are not here.

Shape letters: B images, L = rows · columns grid cells, V visible, T targets (L − V, or M blocks of equal size that may
overlap), N and K any number of tokens, C encoder width, D decoder width, W either of them, P patch side, G gap,
c channels, O what a prediction has per patch: C, or the numbers of a low-level target.
"""

from reference.configuration import PRESETS, Array, Config, Parameters, Views, configuration
from reference.layers import normalise
from reference.loss import gradients, loss, loss_and_gradients
from reference.networks import decoder, encoder, patch_tokens, predictor, projector, visual_cues
from reference.objectives import (
    contrast,
    effective_rank,
    element_loss,
    huber_vector,
    image_similarity,
    metrics,
    pairwise_similarity,
    patch_discrimination,
    similarity_constraint,
    standardise,
    standardised_targets,
)
from reference.optimisation import (
    AdamWState,
    Training,
    adamw_state,
    adamw_step,
    decays,
    schedule,
    update_target,
)
from reference.parameters import buffer_shapes, is_trained, output_width, parameter_shapes, projector_widths
from reference.patches import extract_patches, hog, position_table, positions
from reference.targets import Targets, target_latents, targets

__all__ = [
    "PRESETS",
    "AdamWState",
    "Array",
    "Config",
    "Parameters",
    "Targets",
    "Training",
    "Views",
    "adamw_state",
    "adamw_step",
    "buffer_shapes",
    "configuration",
    "contrast",
    "decays",
    "decoder",
    "effective_rank",
    "element_loss",
    "encoder",
    "extract_patches",
    "gradients",
    "hog",
    "huber_vector",
    "image_similarity",
    "is_trained",
    "loss",
    "loss_and_gradients",
    "metrics",
    "normalise",
    "output_width",
    "pairwise_similarity",
    "parameter_shapes",
    "patch_discrimination",
    "patch_tokens",
    "position_table",
    "positions",
    "predictor",
    "projector",
    "projector_widths",
    "schedule",
    "similarity_constraint",
    "standardise",
    "standardised_targets",
    "target_latents",
    "targets",
    "update_target",
    "visual_cues",
]
