"""`latentmim inspect`: what a checkpoint or a run holds."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from latentmim import _arrays
from latentmim.commands.shared import add_encoder_options, read_encoder
from latentmim.config import PRESETS, ModelConfig
from latentmim.runs import RunFolder

if TYPE_CHECKING:
    import argparse

__all__ = ["EXAMPLES", "add_options", "run"]

EXAMPLES = """examples:
  latentmim inspect runs/first
  latentmim inspect mae_pretrain_vit_base.pth --preset mae"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument("path", help="a checkpoint, encoder.safetensors, .pth, config.json, or the folder of a run")
    parser.add_argument("--preset", choices=PRESETS, default="official", help="what to compare with")
    add_encoder_options(parser)


def run(chosen: argparse.Namespace) -> None:
    """Print what is there, and how it differs from the published model."""
    config = _config(chosen)
    print(config)
    difference = config.difference(chosen.preset)
    heading = "different from the published model" if difference else "as published"
    print(f"\n{heading} ('{chosen.preset}'){':' if difference else ''}")
    for name, (here, there) in difference.items():
        print(f"  {name}: {here}, published {there}")


def _config(chosen: argparse.Namespace) -> ModelConfig:
    path = _arrays.path(chosen.path)
    if not os.path.isdir(path) and not path.endswith(".json"):
        encoder = read_encoder(path, chosen)
        print(repr(encoder), end="\n\n")
        return encoder.config
    folder = RunFolder(path if os.path.isdir(path) else os.path.dirname(path) or ".")
    folder.config = folder.config if os.path.isdir(path) else path
    content = folder.settings()
    if content is None:
        raise FileNotFoundError(f"{folder.config}: there is no such file; wanted the folder of a run, or weights")
    return ModelConfig.from_json(json.dumps(content.get("model", content)))
