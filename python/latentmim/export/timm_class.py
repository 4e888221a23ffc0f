"""What a class of timm's models is to be told, and what several have alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latentmim._arrays import FloatArray
    from latentmim.export.network import Network

__all__ = ["TimmClass", "inner_norms", "patch_kernel", "sizes", "unlike", "without_key_biases"]


class TimmClass(Protocol):
    """A module of this package about one class of timm's models."""

    def architecture(self, network: Network) -> str | None:
        """The name of a model of timm that differs from a network in nothing but its arguments; None: there is none."""

    def problems(self, network: Network) -> list[str]:
        """Why the class cannot be this network; empty where it can."""

    def arguments(self, network: Network) -> dict[str, Any]:
        """Those of the class."""

    def tensors(self, network: Network) -> dict[str, FloatArray]:
        """Its tensors by name."""

    def is_any_size(self, network: Network) -> bool:
        """Whether tokens are equal at any size of images, too."""


def inner_norms(network: Network, models: str) -> list[str]:
    """That there are norms inside attention or MLPs."""
    if network.attention_norm or network.mlp_norm:
        return [f"it has norms inside attention or MLPs, which {models} have not"]
    return []


def unlike(network: Network, epsilons: list[float], models: str) -> list[str]:
    """That the norms are of another ε than those of timm's models."""
    if any(abs(epsilon - network.epsilon) <= 1e-6 * epsilon for epsilon in epsilons):
        return []
    return [f"the ε of its norms is {network.epsilon:g}, {models} have {' or '.join(f'{e:g}' for e in epsilons)}"]


def sizes(network: Network, *, hidden: int) -> dict[str, Any]:
    """Arguments that all classes have.

    Args:
        network: which.
        hidden: rows of the MLPs' first layer.

    """
    config = network.config
    ratio = hidden / config.width
    # timm rounds width · ratio down.
    ratio = ratio if int(config.width * ratio) == hidden else float(np.nextafter(ratio, np.inf))
    return {
        "img_size": list(config.image_size), "patch_size": config.patch_size, "in_chans": config.channels,
        "embed_dim": config.width, "depth": config.depth, "num_heads": config.heads, "mlp_ratio": ratio,
        "qkv_bias": True,
        # LayerScale is in the weights; 0, not null, which leaves what the architecture has.
        "init_values": 0,
    }  # fmt: skip


def patch_kernel(network: Network) -> FloatArray:
    """The embedding of patches as a convolution, [C, channels, P, P].

    Examples:
        >>> from latentmim.export.network import network_of
        >>> from latentmim.export.timm_class import patch_kernel
        >>> patch_kernel(network_of(encoder)).shape
        (48, 3, 16, 16)

    """
    config = network.config
    shape = (config.width, config.patch_size, config.patch_size, config.channels)
    return network.arrays["embed.proj.weight"].reshape(shape).transpose(0, 3, 1, 2)


def without_key_biases(network: Network, arrays: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Blocks and final norm under the names of timm's `Beit` and `Eva`, whose keys have no bias.

    A bias of keys adds the same to all scores of a query, which softmax takes out again.
    """
    found: dict[str, FloatArray] = {}
    for name, values in arrays.items():
        if name.endswith("attn.qkv.bias"):
            queries, _, rest = np.split(values, 3)
            found |= {name.replace("qkv.bias", "q_bias"): queries, name.replace("qkv.bias", "v_bias"): rest}
        elif ".mlp.fc1." in name and network.activation == "swiglu":
            gate, rest = np.split(values, 2)
            found |= {name.replace("fc1", "fc1_g"): gate, name.replace("fc1", "fc1_x"): rest}
        elif name.startswith("blocks."):
            found[name] = values
        elif name.startswith("norm."):
            found[f"fc_{name}" if network.final_norm == "pooled" else name] = values
    return found
