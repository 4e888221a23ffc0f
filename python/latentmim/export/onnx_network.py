"""The network as a graph of ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.export.onnx_positions import Grid, bias, position_table, rotary_table

if TYPE_CHECKING:
    from latentmim.export.network import Network
    from latentmim.export.onnx_graph import Graph, Value

__all__ = ["model"]


def model(graph: Graph, network: Network) -> Any:
    """The whole: images to tokens and the mean of patches.

    Examples:
        >>> import onnx
        >>> from latentmim.export.network import network_of
        >>> from latentmim.export.onnx_graph import Graph
        >>> from latentmim.export.onnx_network import model as onnx_model
        >>> [output.name for output in onnx_model(Graph(onnx), network_of(encoder)).graph.output]
        ['tokens', 'pooled']

    """
    config = network.config
    height, width = config.image_size if network.bias_tables else ("height", "width")
    patches, batch, grid = _patches(graph, network, "images")
    x = graph.linear(patches, "embed.proj", network.arrays["embed.proj.weight"], network.arrays["embed.proj.bias"])
    table = position_table(graph, network, grid)
    x = _with_leading(graph, network, x if table is None else graph.sum(x, table), batch)
    if network.pre_norm:
        x = _norm(graph, network, x, "norm_pre")
    rotary = rotary_table(graph, network, grid)
    for block in range(config.depth):
        name = f"blocks.{block}"
        x = graph.sum(x, _attention(graph, network, _norm(graph, network, x, f"{name}.norm1"), block, rotary))
        x = graph.sum(x, _mlp(graph, network, _norm(graph, network, x, f"{name}.norm2"), name))
    if network.final_norm == "tokens":
        x = _norm(graph, network, x, "norm")
    leading = network.class_token + network.registers
    of_patches = _tokens(graph, x, leading, np.iinfo(np.int64).max) if leading else x
    pooled = graph("ReduceMean", of_patches, axes=[1], keepdims=0)
    if network.final_norm == "pooled":
        pooled = _norm(graph, network, pooled, "norm")
    if network.class_token and network.registers:
        x = graph("Concat", _tokens(graph, x, 0, 1), of_patches, axis=1)
    elif network.registers:
        x = of_patches
    outputs = {"tokens": (x, ["batch", "tokens", config.width]), "pooled": (pooled, ["batch", config.width])}
    return graph.model("latentmim encoder", {"images": ["batch", config.channels, height, width]}, outputs)


def _patches(graph: Graph, network: Network, images: Value) -> tuple[Value, Value, Grid]:
    """Normalised pixels as [B, N, P·P·channels], B, and the grid. Where patches do not fill an image, the numbers do
    not fit, and the runtime refuses it: a convolution would leave the rest out without a word.
    """
    config = network.config
    side, channels = config.patch_size, config.channels
    mean, std = (graph.floats(np.reshape(numbers, (-1, 1, 1))) for numbers in (config.mean, config.std))
    x = graph("Div", graph("Sub", images, mean), std)
    sizes = graph("Shape", images)
    batch, height, width = (graph("Gather", sizes, graph.integers(axis), axis=0) for axis in (0, 2, 3))
    grid = Grid(*(graph("Div", length, graph.integers(side)) for length in (height, width)))
    x = graph.reshaped(x, batch, channels, grid.rows, side, grid.columns, side)
    x = graph("Transpose", x, perm=[0, 2, 4, 3, 5, 1])
    return graph.reshaped(x, batch, -1, side * side * channels), batch, grid


def _with_leading(graph: Graph, network: Network, x: Value, batch: Value) -> Value:
    """The class token and registers in front."""
    tokens = network.leading_tokens
    if not len(tokens):
        return x
    stored = graph.weight(tokens[np.newaxis], "leading_tokens")
    return graph("Concat", graph("Expand", stored, graph.shape(batch, *tokens.shape)), x, axis=1)


def _norm(graph: Graph, network: Network, x: Value, name: str) -> Value:
    parts = (graph.weight(network.arrays[f"{name}.{part}"], f"{name}.{part}") for part in ("weight", "bias"))
    return graph("LayerNormalization", x, *parts, axis=-1, epsilon=network.epsilon)


def _attention(graph: Graph, network: Network, x: Value, block: int, rotary: tuple[Value, Value] | None) -> Value:
    config, name = network.config, f"blocks.{block}.attn"
    head = config.width // config.heads
    qkv = graph.linear(x, f"{name}.qkv", network.arrays[f"{name}.qkv.weight"], network.arrays[f"{name}.qkv.bias"])
    parts = graph("Transpose", graph.reshaped(qkv, 0, 0, 3, config.heads, head), perm=[2, 0, 3, 1, 4])
    queries, keys, values = (graph("Gather", parts, graph.integer(k), axis=0) for k in range(3))
    if rotary:
        leading = network.class_token + network.registers
        queries, keys = (_turned(graph, part, rotary, leading, head) for part in (queries, keys))
    scaled = graph("Mul", queries, graph.floats(head**-0.5))
    scores = graph("MatMul", scaled, graph("Transpose", keys, perm=[0, 1, 3, 2]))
    added = bias(graph, network, block)
    weights = graph("Softmax", scores if added is None else graph.sum(scores, added), axis=-1)
    mixed = graph("Transpose", graph("MatMul", weights, values), perm=[0, 2, 1, 3])
    mixed = graph.reshaped(mixed, 0, 0, config.width)
    if network.attention_norm:
        mixed = _norm(graph, network, mixed, f"{name}.norm")
    return graph.linear(
        mixed, f"{name}.proj", network.arrays[f"{name}.proj.weight"], network.arrays[f"{name}.proj.bias"]
    )


def _turned(graph: Graph, x: Value, rotary: tuple[Value, Value], leading: int, head: int) -> Value:
    """Queries or keys [B, heads, N, C/heads], those of patches turned: pairs are (i, i + half)."""
    cosines, sines = rotary
    end = np.iinfo(np.int64).max
    patches = _tokens(graph, x, leading, end, axis=2) if leading else x
    first, second = (_tokens(graph, patches, k, k + head // 2, axis=3) for k in (0, head // 2))
    turned = graph(
        "Concat",
        graph("Sub", graph("Mul", first, cosines), graph("Mul", second, sines)),
        graph("Add", graph("Mul", second, cosines), graph("Mul", first, sines)),
        axis=3,
    )
    return graph("Concat", _tokens(graph, x, 0, leading, axis=2), turned, axis=2) if leading else turned


def _mlp(graph: Graph, network: Network, x: Value, block: str) -> Value:
    def linear(x: Value, name: str) -> Value:
        return graph.linear(x, name, network.arrays[f"{name}.weight"], network.arrays[f"{name}.bias"])

    hidden = _activated(graph, network, linear(x, f"{block}.mlp.fc1"))
    if network.mlp_norm:
        hidden = _norm(graph, network, hidden, f"{block}.mlp.norm")
    return linear(hidden, f"{block}.mlp.fc2")


def _activated(graph: Graph, network: Network, x: Value) -> Value:
    if network.activation == "swiglu":
        gate, rest = (_tokens(graph, x, k * network.hidden, (k + 1) * network.hidden, axis=2) for k in range(2))
        return graph.product(gate, graph("Sigmoid", gate), rest)
    if network.activation == "quick_gelu":
        return graph("Mul", x, graph("Sigmoid", graph("Mul", x, graph.floats(1.702))))
    if network.activation == "gelu_tanh":
        cube = graph.product(x, x, x, graph.floats(0.044715))
        return graph("Mul", x, graph("Sigmoid", graph("Mul", graph.sum(x, cube), graph.floats(1.5957691216057308))))
    share = graph.sum(graph("Erf", graph("Mul", x, graph.floats(0.5**0.5))), graph.floats(1))
    return graph.product(x, share, graph.floats(0.5))


def _tokens(graph: Graph, x: Value, begin: int, end: int, axis: int = 1) -> Value:
    """Those from one number to another along an axis."""
    return graph("Slice", x, graph.integers(begin), graph.integers(end), graph.integers(axis))
