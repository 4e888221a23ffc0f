"""`latentmim inspect`: what a checkpoint or a run holds."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from latentmim import _arrays
from latentmim.commands.shared import add_encoder_options, read_encoder
from latentmim.config import PRESETS, ModelConfig
from latentmim.runs import RunFolder
from latentmim.weights_tree import tensors, tree

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

WEIGHTS = (".safetensors", ".safetensors.index.json", "pytorch_model.bin")
EXAMPLES = """examples:
  latentmim inspect runs/first
  latentmim inspect mae_pretrain_vit_base.pth --preset mae"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser.

    Examples:
        >>> import argparse
        >>> from latentmim.commands import inspect
        >>> parser = argparse.ArgumentParser("latentmim inspect")
        >>> inspect.add_options(parser)
        >>> parser.parse_args(["encoder.safetensors"]).path
        'encoder.safetensors'

    """
    parser.add_argument(
        "path", help="weights (safetensors, .pth, a folder of them), config.json, or the folder of a run"
    )
    parser.add_argument("--preset", choices=PRESETS, default="official", help="what to compare with")
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Print what is there, and how it differs from the published model; of weights, the tree of their tensors too."""
    path = _arrays.path(chosen.path)
    content = _settings(path)
    if content is None:
        # Before anything is read of an encoder: where there is none, the tree says what there is.
        print(tree(tensors(path)), end="\n\n", flush=True)
        encoder = read_encoder(path, chosen)
        print(repr(encoder), end="\n\n")
        config = encoder.config
    else:
        config = ModelConfig.from_json(json.dumps(content.get("model", content)))
    print(config)
    difference = config.difference(chosen.preset)
    heading = "different from the published model" if difference else "as published"
    print(f"\n{heading} ('{chosen.preset}'){':' if difference else ''}")
    for name, (here, there) in difference.items():
        print(f"  {name}: {here}, published {there}")


def _settings(path: str) -> dict[str, Any] | None:
    """What a run's folder or a configuration says; None for weights, or a folder that holds nothing but weights."""
    is_folder = os.path.isdir(path)
    if (not is_folder and not path.endswith(".json")) or path.endswith(".index.json"):
        return None
    folder = RunFolder(path if is_folder else os.path.dirname(path) or ".")
    folder.config = folder.config if is_folder else path
    content = folder.settings()
    if is_folder and "model" not in (content or {}) and any(name.endswith(WEIGHTS) for name in os.listdir(path)):
        return None
    if content is None:
        raise FileNotFoundError(f"{folder.config}: there is no such file; wanted the folder of a run, or weights")
    return content
