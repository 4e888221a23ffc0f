"""timm's `Eva` with the rotary positions of EVA-02."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.export.timm_class import patch_kernel, sizes, unlike, without_key_biases

if TYPE_CHECKING:
    from latentmim._arrays import FloatArray
    from latentmim.export.network import Network

__all__ = ["architecture", "arguments", "is_any_size", "problems", "tensors"]


def architecture(network: Network) -> str | None:
    """See `TimmClass`."""
    return "eva02_base_patch14_224"


def problems(network: Network) -> list[str]:
    """See `TimmClass`."""
    lacks = {
        "it has no class token, which timm's EVA-02 needs": not network.class_token,
        "it has registers, which timm's EVA-02 has not": network.registers > 0,
        "it has no final norm, which timm's EVA-02 needs": network.final_norm == "none",
        "it has a norm in front of the blocks, which timm's EVA-02 has not": network.pre_norm,
        f"its MLPs are '{network.activation}', those of timm's EVA-02 'swiglu'": network.activation != "swiglu",
    }
    reasons = [reason for reason, is_so in lacks.items() if is_so]
    return reasons + unlike(network, [1e-6], "timm's EVA-02 models")


def is_any_size(network: Network) -> bool:
    """See `TimmClass`."""
    return network.interpolation == "antialiased"


def arguments(network: Network) -> dict[str, Any]:
    """See `TimmClass`."""
    is_pooled = network.final_norm == "pooled"
    found = sizes(network, hidden=network.hidden)
    # Models of this architecture have no LayerScale.
    del found["init_values"]
    return found | {
        # Gate and rest apart, of just this width.
        "qkv_fused": True, "swiglu_mlp": True, "swiglu_align_to": 1, "scale_mlp": network.mlp_norm,
        "scale_attn_inner": network.attention_norm, "no_embed_class": True, "use_rot_pos_emb": True,
        "rope_temperature": _temperature(network), "ref_feat_shape": list(network.rotary_reference or ()),
        "use_fc_norm": is_pooled, "global_pool": "avg" if is_pooled else "token",
        "dynamic_img_size": is_any_size(network),
    }  # fmt: skip


def tensors(network: Network) -> dict[str, FloatArray]:
    """See `TimmClass`."""
    found = {
        "patch_embed.proj.weight": patch_kernel(network),
        "patch_embed.proj.bias": network.arrays["embed.proj.bias"],
        "cls_token": network.leading_tokens[np.newaxis],
        "pos_embed": network.patch_positions[np.newaxis],
    }
    arrays = {
        name: _neighbours(network, values) if ".attn.qkv." in name else values
        for name, values in network.arrays.items()
    }
    return found | without_key_biases(network, arrays)


def _temperature(network: Network) -> float:
    """The longest period over the shortest, as it would go on."""
    periods = network.periods.astype(np.float64)
    ratio = periods[1] / periods[0] if len(periods) > 1 else 10_000.0 ** (1 / len(periods))
    return float(np.round(ratio ** len(periods), 1))


def _neighbours(network: Network, qkv: FloatArray) -> FloatArray:
    """Queries, keys and values [3C, …], the pairs of queries and keys as neighbours in place of half a head apart."""
    heads, width = network.config.heads, network.config.width
    rotated = qkv[: 2 * width].reshape(2 * heads, 2, width // heads // 2, -1).swapaxes(1, 2)
    return np.concatenate([rotated.reshape(2 * width, *qkv.shape[1:]), qkv[2 * width :]])
