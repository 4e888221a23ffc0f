"""Encoders from files and arrays, this project's and others'."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.config import ModelOptions, to_json
from latentmim.encoder import Encoder
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    from latentmim._arrays import PathLike

__all__ = ["Activation", "Interpolation", "load_encoder"]

Interpolation = Literal["antialiased", "bicubic", "offset"]
Activation = Literal["gelu", "quick_gelu", "gelu_tanh"]

OF_WEIGHTS = ("family", "prefix", "interpolation", "activation", "epsilon")


def load_encoder(
    weights: PathLike | Mapping[str, Any],
    *,
    family: str | None = None,
    prefix: str | None = None,
    interpolation: Interpolation | None = None,
    activation: Activation | None = None,
    epsilon: float | None = None,
    **options: Unpack[ModelOptions],
) -> Encoder:
    """Read an encoder: this project's, or the plain vision transformer of another.

    Files are safetensors or PyTorch's `.pth`, of which nothing is executed. Whose names they are, and where in the
    checkpoint the encoder lies, is told from the names; `docs/encoders.md` lists what loads.

    Args:
        weights: path of the file, of a run's folder or of one that holds model.safetensors (in parts too) or
            pytorch_model.bin; or arrays (PyTorch's tensors too) by name, perhaps in dicts within dicts.
        family: whose names they are, where that is not to be told from them; `docs/encoders.md` lists the families.
        prefix: what stands before the names of the encoder to take, such as "student.backbone."; where it is not given,
            the encoder is found by what names end in.
        interpolation: how positions that are a table are found for other grids: "antialiased" as timm does it,
            "bicubic" as Hugging Face, "offset" as DINO and DINOv2 do; the rule of the family's own project if not
            given.
        activation: between the layers of MLPs: "gelu", "quick_gelu" or "gelu_tanh"; what the configuration says, or
            the family has, if not given.
        epsilon: of layer normalisation; what the configuration says, or the family has, if not given.
        options: for weights without a configuration, what shapes do not tell. For other projects' these are `grid`,
            `heads`, `mean` and `std`. A config.json and preprocessor_config.json beside the file (Hugging Face's,
            timm's) are read; what neither tells is assumed, with a warning where models differ.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, something else, lacks tensors (the first are named), or has tensors of another
            architecture.
        TypeError: something in a mapping is no array.

    Examples:
        >>> lm.load_encoder("encoder.safetensors")
        Encoder(48 wide, 2 deep, 3 heads; patches of 16×16×3, trained on 4×4)

    """
    refuse_unknown("load_encoder", options, [*OF_WEIGHTS, *ModelOptions.__annotations__])
    given = to_json(
        {"family": family, "prefix": prefix, "interpolation": interpolation, "activation": activation,
         "epsilon": epsilon, **options}
    )  # fmt: skip
    if isinstance(weights, Mapping):
        handle, remarks = _native.encoder_from_arrays(_arrays.by_name(_arrays.state_of(weights)), "weights", given)
    elif _arrays.is_pytorch(path := _arrays.weights_file(_arrays.path(weights))):
        from latentmim import pth

        # JSON has no way to say a path that is no UTF-8: what lies beside such a file is not read.
        beside = {"beside": path} if path == _arrays.shown(path) else {}
        text = json.dumps(json.loads(given) | beside)
        handle, remarks = _native.encoder_from_arrays(pth.weights(path), _arrays.shown(path), text)
    else:
        handle, remarks = _native.encoder_load(path, given)
    _arrays.pass_on(remarks)
    return Encoder._from_handle(handle)
