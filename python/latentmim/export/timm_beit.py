"""timm's `Beit`: relative position bias, in a table of each block or one for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.export.timm_class import inner_norms, patch_kernel, sizes, unlike, without_key_biases

if TYPE_CHECKING:
    from latentmim._arrays import FloatArray
    from latentmim.export.network import Network

__all__ = ["architecture", "arguments", "is_any_size", "problems", "tensors"]

SHARED = "relative_position_bias_table"


def architecture(network: Network) -> str | None:
    """See `TimmClass`."""
    return "beit_base_patch16_224"


def problems(network: Network) -> list[str]:
    """See `TimmClass`."""
    lacks = {
        "it has no class token, which timm's Beit needs": not network.class_token,
        "it has no final norm, which timm's Beit needs": network.final_norm == "none",
        "it has a norm in front of the blocks, which timm's Beit has not": network.pre_norm,
        f"its MLPs are '{network.activation}', those of timm's Beit 'gelu'": network.activation != "gelu",
    }
    models = "timm's Beit models"
    reasons = [reason for reason, is_so in lacks.items() if is_so]
    return reasons + inner_norms(network, models) + unlike(network, [1e-6], models)


def is_any_size(network: Network) -> bool:
    """See `TimmClass`."""
    return False


def arguments(network: Network) -> dict[str, Any]:
    """See `TimmClass`."""
    return sizes(network, hidden=network.hidden) | {
        "use_abs_pos_emb": network.positions == "table", "use_rel_pos_bias": network.bias_tables != 1,
        "use_shared_rel_pos_bias": network.bias_tables == 1,
        # Which of the two says whether the norm is one of tokens, too.
        "global_pool": "avg" if network.final_norm == "pooled" else "token",
    }  # fmt: skip


def tensors(network: Network) -> dict[str, FloatArray]:
    """See `TimmClass`."""
    found = {
        "patch_embed.proj.weight": patch_kernel(network),
        "patch_embed.proj.bias": network.arrays["embed.proj.bias"],
        "cls_token": network.leading_tokens[np.newaxis],
    }
    if network.positions == "table":
        # The class token's position is in the token.
        found["pos_embed"] = np.pad(network.patch_positions, ((1, 0), (0, 0)))[np.newaxis]
    if SHARED in network.arrays:
        found[f"rel_pos_bias.{SHARED}"] = network.arrays[SHARED]
    return found | without_key_biases(network, network.arrays)
