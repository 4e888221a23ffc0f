"""An encoder as what it computes: sizes, norms, positions, and arrays by name."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native

if TYPE_CHECKING:
    from latentmim._arrays import FloatArray
    from latentmim.config import ModelConfig
    from latentmim.encoder import Encoder

__all__ = ["ExportError", "Network", "network_of"]


class ExportError(ValueError):
    """A format cannot express an encoder. The message gives every reason, and nothing was written."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """What an encoder computes.

    Attributes:
        config: its options.
        family: whose names its weights had, "latentmim" for this project's.
        class_token: whether one stands in front of registers and patches.
        registers: how many tokens stand between.
        epsilon: of all norms, as float32 rounds it.
        activation: of MLPs: "gelu", "quick_gelu", "gelu_tanh", "swiglu".
        pre_norm: whether a norm stands in front of the blocks.
        final_norm: what the norm behind the last block is of: "tokens", "pooled" (the mean of patches), "none".
        positions: "sincos" (computed for any grid), "table" (interpolated), "none".
        interpolation: of a table: "antialiased", "bicubic", "offset".
        rotary: whether queries and keys are turned.
        bias_tables: of relative position bias: 0, 1 for all blocks, or one each.
        shapes: of the arrays, by name.
        arrays: float32 by name, as `Encoder.save` calls them without "encoder."; empty until `with_arrays`.
        encoder: whose network it is.

    """

    config: ModelConfig
    family: str
    class_token: bool
    registers: int
    epsilon: float
    activation: str
    pre_norm: bool
    final_norm: str
    positions: str
    interpolation: str
    rotary: bool
    bias_tables: int
    shapes: dict[str, tuple[int, ...]] = field(repr=False)
    encoder: Encoder = field(repr=False)
    arrays: dict[str, FloatArray] = field(default_factory=dict, repr=False)

    @property
    def hidden(self) -> int:
        """Width between the layers of MLPs; of gated ones, behind the gate."""
        return self.shapes["blocks.0.mlp.fc2.weight"][1]

    @property
    def leading_tokens(self) -> FloatArray:
        """[L, C]: the class token with its position, and registers; perhaps none."""
        names = ["cls_token", "register_tokens"]
        tokens = [self.arrays[name].reshape(-1, self.config.width) for name in names if name in self.arrays]
        found = np.concatenate([*tokens, np.zeros((0, self.config.width), np.float32)])
        if self.class_token and len(self._table) > self.config.num_patches:
            found[0] += self._table[0]
        return found

    @property
    def patch_positions(self) -> FloatArray:
        """[N, C], those of the trained grid."""
        return self._table[-self.config.num_patches :]

    @property
    def _table(self) -> FloatArray:
        """[N, C], or [1 + N, C] with the class token's row."""
        return self.arrays.get("pos_embed.pos_embeds", np.zeros((0, self.config.width), np.float32))

    def with_arrays(self) -> Network:
        """The same with arrays. Raises MemoryError."""
        count = sum(math.prod(shape) for shape in self.shapes.values())
        flat = _arrays.empty((count,), "export")
        _native.encoder_read_tensors(self.encoder._handle, flat)
        arrays, place = {}, 0
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            arrays[name] = flat[place : place + size].reshape(shape)
            place += size
        return dataclasses.replace(self, arrays=arrays)


def network_of(encoder: Encoder) -> Network:
    """The network of an encoder, without its arrays."""
    found: dict[str, Any] = json.loads(_native.encoder_description(encoder._handle))
    shapes = {name.removeprefix("encoder."): tuple(shape) for name, shape in found["tensors"]}
    is_table = encoder.family != "latentmim" or encoder.config.learn_positions
    names = ("class_token", "registers", "epsilon", "activation", "pre_norm", "final_norm", "interpolation", "rotary",
             "bias_tables")  # fmt: skip
    return Network(
        config=encoder.config,
        family=encoder.family,
        positions="none" if "pos_embed.pos_embeds" not in shapes else "table" if is_table else "sincos",
        shapes=shapes,
        encoder=encoder,
        **{name: found[name] for name in names},
    )
