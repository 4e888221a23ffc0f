"""timm's `Eva` with the rotary positions of DINOv3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.export.timm_class import inner_norms, patch_kernel, sizes, unlike, without_key_biases

if TYPE_CHECKING:
    from latentmim._arrays import FloatArray
    from latentmim.export.network import Network

__all__ = ["architecture", "arguments", "is_any_size", "problems", "tensors"]

# Meta's own files round periods to bfloat16, timm's models compute them: tokens of two blocks differ by up to 10⁻³.
CLOSE = 1e-6


def architecture(network: Network) -> str | None:
    """See `TimmClass`."""
    return "vit_small_patch16_dinov3"


def problems(network: Network) -> list[str]:
    """See `TimmClass`."""
    own, computed = network.periods, _periods(network)
    lacks = {
        "its rotary periods are no powers of one number, as timm computes them":
            np.abs(own / computed - 1).max() > CLOSE,
        "it has no class token and registers, by which such models are told from others":
            not (network.class_token and network.registers),
        "it has no final norm, which timm's Eva needs": network.final_norm == "none",
        "it has a norm in front of the blocks, which those models of timm have not": network.pre_norm,
        f"its MLPs are '{network.activation}', those of timm's Eva 'gelu' or 'swiglu'":
            network.activation not in ("gelu", "swiglu"),
    }  # fmt: skip
    models = "timm's DINOv3 models"
    reasons = [reason for reason, is_so in lacks.items() if is_so]
    return reasons + inner_norms(network, models) + unlike(network, [1e-5], models)


def is_any_size(network: Network) -> bool:
    """See `TimmClass`."""
    return True


def arguments(network: Network) -> dict[str, Any]:
    """See `TimmClass`."""
    is_gated, is_pooled = network.activation == "swiglu", network.final_norm == "pooled"
    return sizes(network, hidden=network.hidden) | {
        # Gate and rest apart, of just this width.
        "swiglu_mlp": is_gated, "swiglu_align_to": int(is_gated), "class_token": network.class_token,
        "num_reg_tokens": network.registers, "use_abs_pos_emb": False, "use_rot_pos_emb": True, "rope_type": "dinov3",
        "rope_temperature": _temperature(network), "rope_rotate_half": True, "use_fc_norm": is_pooled,
        "global_pool": "avg" if is_pooled else "token", "dynamic_img_size": True,
    }  # fmt: skip


def tensors(network: Network) -> dict[str, FloatArray]:
    """See `TimmClass`."""
    leading = network.leading_tokens[np.newaxis]
    found = {
        "patch_embed.proj.weight": patch_kernel(network),
        "patch_embed.proj.bias": network.arrays["embed.proj.bias"],
        "cls_token": leading[:, :1],
        "reg_token": leading[:, 1:],
    }
    for block in range(network.config.depth):
        # LayerScale is in the weights, and Eva has it all the same.
        found |= {f"blocks.{block}.gamma_{k}": np.ones(network.config.width, np.float32) for k in (1, 2)}
    return found | without_key_biases(network, network.arrays)


def _temperature(network: Network) -> float:
    """The longest period over the shortest, as it would go on."""
    periods = network.periods
    return float(np.round(periods[1] ** len(periods), 3)) if len(periods) > 1 else 100.0


def _periods(network: Network) -> FloatArray:
    count = len(network.periods)
    powers = _temperature(network) ** (np.arange(count) / count)
    return powers.astype(np.float32)
