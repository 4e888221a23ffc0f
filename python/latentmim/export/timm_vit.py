"""timm's `VisionTransformer`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.export.timm_class import inner_norms, patch_kernel, sizes, unlike

if TYPE_CHECKING:
    from latentmim._arrays import FloatArray
    from latentmim.export.network import Network

__all__ = ["architecture", "arguments", "is_any_size", "problems", "tensors"]

# Sizes are arguments, but not the ε of norms, nor that MLPs are gated: the models that have them.
ARCHITECTURES = {
    (1e-6, False): "vit_base_patch16_224",
    (1e-5, False): "vit_base_patch16_clip_224",
    (1e-6, True): "vit_giant_patch14_dinov2",
}
ACTIVATIONS = {"gelu": "gelu", "quick_gelu": "quick_gelu", "gelu_tanh": "gelu_tanh", "swiglu": "silu"}


def architecture(network: Network) -> str | None:
    """See `TimmClass`.

    Examples:
        >>> from latentmim.export import timm_vit
        >>> from latentmim.export.network import network_of
        >>> timm_vit.architecture(network_of(encoder))
        'vit_base_patch16_224'

    """
    for (epsilon, is_gated), name in ARCHITECTURES.items():
        if is_gated == _is_gated(network) and math.isclose(epsilon, network.epsilon, rel_tol=1e-6):
            return name
    return None


def problems(network: Network) -> list[str]:
    """See `TimmClass`.

    Examples:
        >>> from latentmim.export import timm_vit
        >>> from latentmim.export.network import network_of
        >>> timm_vit.problems(network_of(encoder))
        []

    """
    epsilons = [epsilon for epsilon, is_gated in ARCHITECTURES if is_gated == _is_gated(network)]
    models = f"timm's models{' of gated MLPs' if _is_gated(network) else ''}"
    return inner_norms(network, models) + unlike(network, epsilons, models)


def is_any_size(network: Network) -> bool:
    """Whether timm's rule for positions at other sizes is the encoder's.

    Examples:
        >>> from latentmim.export import timm_vit
        >>> from latentmim.export.network import network_of
        >>> timm_vit.is_any_size(network_of(encoder))
        False

    """
    return network.positions == "table" and network.interpolation == "antialiased"


def arguments(network: Network) -> dict[str, Any]:
    """See `TimmClass`.

    Examples:
        >>> from latentmim.export import timm_vit
        >>> from latentmim.export.network import network_of
        >>> timm_vit.arguments(network_of(encoder))["depth"]
        2

    """
    is_mean = network.final_norm == "pooled" or network.family == "latentmim" or not network.class_token
    hidden = (2 if _is_gated(network) else 1) * network.hidden
    return sizes(network, hidden=hidden) | {
        "act_layer": ACTIVATIONS[network.activation], "class_token": network.class_token,
        "reg_tokens": network.registers, "no_embed_class": True, "pre_norm": network.pre_norm,
        "final_norm": network.final_norm != "none", "fc_norm": network.final_norm == "pooled",
        "global_pool": "avg" if is_mean else "token", "dynamic_img_size": is_any_size(network),
    }  # fmt: skip


def tensors(network: Network) -> dict[str, FloatArray]:
    """See `TimmClass`.

    Examples:
        >>> from latentmim.export import timm_vit
        >>> from latentmim.export.network import network_of
        >>> timm_vit.tensors(network_of(encoder))["cls_token"].shape
        (1, 1, 48)

    """
    arrays = network.arrays
    positions, bias = network.patch_positions, arrays["embed.proj.bias"]
    found = {"patch_embed.proj.weight": patch_kernel(network)}
    if network.pre_norm:
        # timm's patches have no bias then; what is added to all of them may as well be part of their positions.
        positions = positions + bias
    else:
        found["patch_embed.proj.bias"] = bias
    found["pos_embed"] = positions[np.newaxis]
    leading = network.leading_tokens
    if network.class_token:
        found["cls_token"] = leading[np.newaxis, :1]
    if network.registers:
        found["reg_token"] = leading[np.newaxis, -network.registers :]
    return (
        found
        | {name: values for name, values in arrays.items() if name.startswith(("blocks.", "norm_pre."))}
        | {
            ("fc_" if network.final_norm == "pooled" else "") + name: values
            for name, values in arrays.items()
            if name.startswith("norm.")
        }
    )


def _is_gated(network: Network) -> bool:
    return network.activation == "swiglu"
