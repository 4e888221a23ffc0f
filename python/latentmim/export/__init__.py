"""Encoders as folders that other libraries read: a file each for a format, `card` for what both say of the encoder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, get_args

from latentmim import _arrays
from latentmim.export import onnx_model, timm_folder
from latentmim.export.card import card
from latentmim.export.folder import refuse_filled, written_whole
from latentmim.export.network import ExportError, network_of
from latentmim.names import nearest

if TYPE_CHECKING:
    from latentmim._arrays import PathLike
    from latentmim.export.kind import Kind
    from latentmim.export.network import Exported

__all__ = ["ExportError", "Format", "export"]

Format = Literal["timm", "onnx"]
FORMATS: dict[str, Kind] = {"timm": timm_folder, "onnx": onnx_model}


def export(encoder: Exported, folder: PathLike, *, format: Format = "timm", run: PathLike | None = None) -> list[str]:
    """Write an encoder for other libraries; see `Encoder.export`, which this is.

    Examples:
        >>> from latentmim.export import export
        >>> [path.rpartition("/")[2] for path in export(encoder, "folder", format="timm")]
        ['README.md', 'config.json', 'model.safetensors']

    """
    if format not in get_args(Format):
        raise ValueError(f"format: is {format!r}, wanted {' or '.join(map(repr, FORMATS))}{nearest([format], FORMATS)}")
    kind = FORMATS[format]
    place = os.path.abspath(_arrays.path(folder))
    kind.check()
    network = network_of(encoder)
    if problems := kind.problems(network):
        raise ExportError(f"export: {format} cannot express this encoder: {'; '.join(problems)}")
    refuse_filled(place)
    text = card(network, kind, run)
    with written_whole(place) as beside:
        kind.write(network, beside)
        with open(os.path.join(beside, "README.md"), "w", encoding="utf-8") as file:
            file.write(text)
        names = sorted(os.listdir(beside))
    return [os.path.join(place, name) for name in names]
