"""For timm, and for transformers, whose AutoModel reads timm's folders: config.json and model.safetensors."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.export.safetensors import save

if TYPE_CHECKING:
    from latentmim._arrays import FloatArray
    from latentmim.export.network import Network

__all__ = ["check", "metadata", "notes", "problems", "usage", "write"]

# timm takes an architecture by name and its sizes as arguments, but not the ε of its norms, nor gated MLPs: these are
# the architectures that have them.
ARCHITECTURES = {
    (1e-6, False): "vit_base_patch16_224",
    (1e-5, False): "vit_base_patch16_clip_224",
    (1e-6, True): "vit_giant_patch14_dinov2",
}
ACTIVATIONS = {"gelu": "gelu", "quick_gelu": "quick_gelu", "gelu_tanh": "gelu_tanh", "swiglu": "silu"}


def check() -> None:
    """Nothing is needed to write it."""


def problems(network: Network) -> list[str]:
    """Why timm's VisionTransformer cannot be this network; empty where it can."""
    found = []
    if network.rotary:
        found.append("it has rotary positions, which timm's VisionTransformer has not")
    if network.bias_tables:
        found.append("it has relative position bias, which timm's VisionTransformer has not")
    if _architecture(network) is None:
        gated = " of gated MLPs" if network.activation == "swiglu" else ""
        wanted = " or ".join(f"{epsilon:g}" for epsilon, is_gated in ARCHITECTURES if is_gated == bool(gated))
        found.append(f"the ε of its norms is {network.epsilon:g}, timm's models{gated} have {wanted}")
    return found


def write(network: Network, folder: str) -> None:
    """Write the two files."""
    save(os.path.join(folder, "model.safetensors"), _tensors(network), {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(_configuration(network), file, indent=2)
        file.write("\n")


def metadata(network: Network) -> dict[str, Any]:
    """What the card's head says."""
    return {
        "library_name": "timm",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["timm", "transformers", "latentmim"],
    }


def usage(network: Network) -> str:
    """How it is used."""
    height, width = network.config.image_size
    return f"""```python
import timm
model = timm.create_model("local-dir:FOLDER", pretrained=True).eval()
tokens = model.forward_features(images)       # [B, {network.config.channels}, {height}, {width}], normalised
                                              # → [B, {_tokens(network)}, {network.config.width}]
```

```python
from transformers import AutoModel            # which needs timm for it
tokens = AutoModel.from_pretrained("FOLDER")(images).last_hidden_state
```"""


def notes(network: Network) -> list[str]:
    """What is different from the encoder it was."""
    if _is_dynamic(network):
        return ["Positions are a table, interpolated for other sizes as timm does it: tokens are equal at any size."]
    how = "computed" if network.positions == "sincos" else f"interpolated otherwise ('{network.interpolation}')"
    return [
        "Positions are stored as a table of the trained grid, and the model takes images of that size only: for others "
        f"they were {how}, which timm cannot do. `img_size=` or `dynamic_img_size=True` of `create_model` interpolate "
        "the table by timm's rule, which gives other tokens."
    ]


def _architecture(network: Network) -> str | None:
    return next(
        (
            name
            for (epsilon, is_gated), name in ARCHITECTURES.items()
            if is_gated == (network.activation == "swiglu") and math.isclose(epsilon, network.epsilon, rel_tol=1e-6)
        ),
        None,
    )


def _is_dynamic(network: Network) -> bool:
    """Whether timm's rule for positions at other sizes is the encoder's."""
    return network.positions == "table" and network.interpolation == "antialiased"


def _tokens(network: Network) -> int:
    return network.config.num_patches + network.class_token + network.registers


def _ratio(network: Network) -> float:
    """Width · ratio is rounded down to the first layer's width in timm."""
    width = network.config.width
    hidden = (2 if network.activation == "swiglu" else 1) * network.hidden
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else float(np.nextafter(ratio, np.inf))


def _configuration(network: Network) -> dict[str, Any]:
    config, (height, width) = network.config, network.config.image_size
    is_pooled = network.final_norm == "pooled" or network.family == "latentmim" or not network.class_token
    pooling = "avg" if is_pooled else "token"
    arguments = {
        "img_size": [height, width], "patch_size": config.patch_size, "in_chans": config.channels,
        "embed_dim": config.width, "depth": config.depth, "num_heads": config.heads, "mlp_ratio": _ratio(network),
        "act_layer": ACTIVATIONS[network.activation], "qkv_bias": True, "class_token": network.class_token,
        "reg_tokens": network.registers, "no_embed_class": True, "pre_norm": network.pre_norm,
        "final_norm": network.final_norm != "none", "fc_norm": network.final_norm == "pooled", "init_values": 0,
        "global_pool": pooling, "dynamic_img_size": _is_dynamic(network),
    }  # fmt: skip
    return {
        "architecture": _architecture(network), "num_classes": 0, "num_features": config.width, "global_pool": pooling,
        "model_args": arguments,
        "pretrained_cfg": {
            "custom_load": False, "input_size": [config.channels, height, width],
            "fixed_input_size": not _is_dynamic(network), "interpolation": "bicubic", "crop_pct": 0.875,
            "crop_mode": "center", "mean": list(config.mean), "std": list(config.std), "num_classes": 0,
            "pool_size": None, "first_conv": "patch_embed.proj", "classifier": "head",
        },
    }  # fmt: skip


def _tensors(network: Network) -> dict[str, FloatArray]:
    arrays, config = network.arrays, network.config
    side = config.patch_size
    patches = arrays["embed.proj.weight"].reshape(config.width, side, side, config.channels)
    positions, bias = network.patch_positions, arrays["embed.proj.bias"]
    found: dict[str, FloatArray] = {"patch_embed.proj.weight": patches.transpose(0, 3, 1, 2)}
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
    norm = "fc_norm" if network.final_norm == "pooled" else "norm"
    for name, values in arrays.items():
        if name.startswith(("blocks.", "norm_pre.", "norm.")):
            found[name.replace("norm.", f"{norm}.", 1) if name.startswith("norm.") else name] = values
    return found
