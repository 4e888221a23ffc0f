"""What a file of weights holds, as a tree: names, types and shapes of its tensors."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, TypeAlias

from latentmim import _arrays
from latentmim import _latentmim as _native

if TYPE_CHECKING:
    from latentmim._arrays import PathLike

__all__ = ["tensors", "tree"]

Tensors: TypeAlias = "dict[str, tuple[str, tuple[int, ...]]]"


def tensors(path: PathLike) -> Tensors:
    """Element type and shape of each tensor by name. Of a folder, those of the weights in it.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, or holds no weights.

    Examples:
        >>> from latentmim.weights_tree import tensors
        >>> list(tensors("encoder.safetensors").items())[0]
        ('encoder.blocks.0.attn.proj.bias', ('F32', (48,)))

    """
    name = _arrays.weights_file(_arrays.path(path))
    if _arrays.is_pytorch(name):
        from latentmim import pth

        return pth.shapes(name)
    if not os.path.isdir(name) and not os.path.isfile(name):
        raise FileNotFoundError(f"{_arrays.shown(name)}: there is no such file")
    return {key: (kind, tuple(shape)) for key, (kind, shape) in json.loads(_native.weights_list(name)).items()}


def tree(found: Tensors) -> str:
    """Lines of text; numbered parts that are alike stand once: "0 … 11".

    Examples:
        >>> from latentmim.weights_tree import tree
        >>> print(tree({"a.weight": ("float32", (2, 3)), "a.bias": ("float32", (2,))}))
        a
          bias  float32 [2]
          weight  float32 [2, 3]

    """
    root: dict[str, Any] = {}
    for name, tensor in found.items():
        place = root
        *parts, last = name.split(".")
        for part in parts:
            inner = place.setdefault(part, {})
            # A tensor may be called like the beginning of another's name.
            place = inner if isinstance(inner, dict) else place.setdefault(f"{part}.", {})
        place[f"{last} " if isinstance(place.get(last), dict) else last] = tensor
    return "\n".join(_lines(root, ""))


def _lines(node: dict[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    groups: list[tuple[str, str, Any]] = []
    for key, value in sorted(node.items(), key=_order):
        first, last, alike = groups[-1] if groups else ("", "", None)
        if key.isdigit() and last.isdigit() and int(key) == int(last) + 1 and alike == value:
            groups[-1] = first, key, value
        else:
            groups.append((key, key, value))
    for first, last, value in groups:
        name = first if first == last else f"{first} … {last}"
        while isinstance(value, dict) and len(value) == 1:
            [(part, value)] = value.items()
            name = f"{name}.{part}"
        if isinstance(value, dict):
            lines += [f"{indent}{name}", *_lines(value, f"{indent}  ")]
        else:
            lines.append(f"{indent}{name}  {value[0]} {list(value[1])}")
    return lines


def _order(item: tuple[str, Any]) -> tuple[bool, int, str]:
    """Numbers as numbers, behind names."""
    key = item[0]
    return (key.isdigit(), int(key) if key.isdigit() else 0, key)
