"""An encoder as what it computes: sizes, norms, positions, and arrays by name."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native

if TYPE_CHECKING:
    from latentmim._arrays import FloatArray
    from latentmim.config import ModelConfig

__all__ = ["ExportError", "Exported", "Network", "network_of"]


class ExportError(ValueError):
    """A format cannot express an encoder. The message gives every reason, and nothing was written.

    Examples:
        >>> from latentmim.export import ExportError
        >>> issubclass(ExportError, ValueError)
        True

    """


class Exported(Protocol):
    """What is exported: an `Encoder`."""

    config: ModelConfig
    family: str
    _handle: Any


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
        attention_norm: whether a norm stands behind the attention of blocks, in front of its last layer.
        mlp_norm: whether one stands behind the activation of MLPs.
        rotary: whether queries and keys are turned.
        rotary_reference: rows and columns of the grid on which places of rotary positions are counted; None: they are
            normalised to −1 … 1.
        bias_tables: of relative position bias: 0, 1 for all blocks, or one each.
        arrays: float32 by name, as `Encoder.save` calls them without "encoder.".

    Examples:
        >>> from latentmim.export.network import network_of
        >>> network_of(encoder).class_token
        True

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
    rotary_reference: tuple[int, int] | None = None
    attention_norm: bool = False
    mlp_norm: bool = False
    bias_tables: int
    arrays: dict[str, FloatArray] = field(repr=False)

    @property
    def hidden(self) -> int:
        """Width between the layers of MLPs; of gated ones, behind the gate."""
        return int(self.arrays["blocks.0.mlp.fc2.weight"].shape[1])

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
    def periods(self) -> FloatArray:
        """Of rotary positions, one for four numbers of a head."""
        return self.arrays["rotary_periods"]

    @property
    def _table(self) -> FloatArray:
        """[N, C], or [1 + N, C] with the class token's row."""
        return self.arrays.get("pos_embed.pos_embeds", np.zeros((0, self.config.width), np.float32))


def network_of(encoder: Exported) -> Network:
    """The network of an encoder. Raises MemoryError.

    Examples:
        >>> from latentmim.export.network import network_of
        >>> network_of(encoder).config.depth
        2

    """
    found: dict[str, Any] = json.loads(_native.encoder_description(encoder._handle))
    arrays = _arrays_of(encoder, {name.removeprefix("encoder."): tuple(shape) for name, shape in found["tensors"]})
    is_table = encoder.family != "latentmim" or encoder.config.learn_positions
    reference = found.get("rotary_reference")
    names = ("class_token", "registers", "epsilon", "activation", "pre_norm", "final_norm", "interpolation", "rotary",
             "bias_tables")  # fmt: skip
    return Network(
        config=encoder.config,
        family=encoder.family,
        positions="none" if "pos_embed.pos_embeds" not in arrays else "table" if is_table else "sincos",
        arrays=arrays,
        rotary_reference=None if reference is None else (reference[0], reference[1]),
        attention_norm=found.get("attention_norm", False),
        mlp_norm=found.get("mlp_norm", False),
        **{name: found[name] for name in names},
    )


def _arrays_of(encoder: Exported, shapes: dict[str, tuple[int, ...]]) -> dict[str, FloatArray]:
    flat = _arrays.empty((sum(map(math.prod, shapes.values())),), "export")
    _native.encoder_read_tensors(encoder._handle, flat)
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])[:-1]
    parts = np.split(flat, ends)
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
