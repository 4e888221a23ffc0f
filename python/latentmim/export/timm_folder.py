"""For timm, and for transformers, whose AutoModel reads timm's folders: config.json and model.safetensors."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from latentmim.export import timm_beit, timm_eva, timm_eva02, timm_vit
from latentmim.export.safetensors import save

if TYPE_CHECKING:
    from latentmim.export.network import Network
    from latentmim.export.timm_class import TimmClass

__all__ = ["check", "metadata", "notes", "problems", "usage", "write"]


def check() -> None:
    """Nothing is needed to write it.

    Examples:
        >>> from latentmim.export import timm_folder
        >>> timm_folder.check()

    """


def problems(network: Network) -> list[str]:
    """Why the class of timm that is nearest cannot be this network; empty where it can.

    Examples:
        >>> from latentmim.export import timm_folder
        >>> from latentmim.export.network import network_of
        >>> timm_folder.problems(network_of(encoder))
        []

    """
    return _class(network).problems(network)


def write(network: Network, folder: str) -> None:
    """Write the two files.

    Examples:
        >>> import os
        >>> from latentmim.export import timm_folder
        >>> from latentmim.export.network import network_of
        >>> os.mkdir("timm")
        >>> timm_folder.write(network_of(encoder), "timm")
        >>> sorted(os.listdir("timm"))
        ['config.json', 'model.safetensors']

    """
    save(os.path.join(folder, "model.safetensors"), _class(network).tensors(network), {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(_configuration(network), file, indent=2)
        file.write("\n")


def metadata(network: Network) -> dict[str, Any]:
    """What the card's head says.

    Examples:
        >>> from latentmim.export import timm_folder
        >>> from latentmim.export.network import network_of
        >>> sorted(timm_folder.metadata(network_of(encoder)))[:2]
        ['library_name', 'pipeline_tag']

    """
    return {
        "library_name": "timm",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["timm", "transformers", "latentmim"],
    }


def usage(network: Network) -> str:
    """How it is used.

    Examples:
        >>> from latentmim.export import timm_folder
        >>> from latentmim.export.network import network_of
        >>> "timm" in timm_folder.usage(network_of(encoder))
        True

    """
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
    """What is different from the encoder it was.

    Examples:
        >>> from latentmim.export import timm_folder
        >>> from latentmim.export.network import network_of
        >>> isinstance(timm_folder.notes(network_of(encoder)), list)
        True

    """
    if network.rotary and not network.rotary_reference:
        return ["Rotary positions are computed for any size."]
    if _class(network).is_any_size(network):
        return ["Positions are a table, interpolated for other sizes as timm does it: tokens are equal at any size."]
    if network.bias_tables:
        return ["The model takes images of the trained size only: timm does not interpolate relative position bias."]
    how = "computed" if network.positions == "sincos" else f"interpolated otherwise ('{network.interpolation}')"
    return [
        "Positions are stored as a table of the trained grid, and the model takes images of that size only: for others "
        f"they were {how}, which timm cannot do. `img_size=` or `dynamic_img_size=True` of `create_model` interpolate "
        "the table by timm's rule, which gives other tokens."
    ]


def _class(network: Network) -> TimmClass:
    if network.rotary:
        return timm_eva02 if network.rotary_reference else timm_eva
    return timm_beit if network.bias_tables else timm_vit


def _tokens(network: Network) -> int:
    return network.config.num_patches + network.class_token + network.registers


def _configuration(network: Network) -> dict[str, Any]:
    config, (height, width), kind = network.config, network.config.image_size, _class(network)
    arguments = kind.arguments(network)
    return {
        "architecture": kind.architecture(network), "num_classes": 0, "num_features": config.width,
        "global_pool": arguments["global_pool"], "model_args": arguments,
        "pretrained_cfg": {
            "custom_load": False, "input_size": [config.channels, height, width],
            "fixed_input_size": not kind.is_any_size(network), "interpolation": "bicubic", "crop_pct": 0.875,
            "crop_mode": "center", "mean": list(config.mean), "std": list(config.std), "num_classes": 0,
            "pool_size": None, "first_conv": "patch_embed.proj", "classifier": "head",
        },
    }  # fmt: skip
