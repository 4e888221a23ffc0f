"""Where patches are, computed in a graph of ONNX for whatever grid an image has: as the core computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from latentmim.export.network import Network
    from latentmim.export.onnx_graph import Graph, Value

__all__ = ["Grid", "bias", "position_table", "rotary_table"]


class Grid(NamedTuple):
    """Rows and columns of patches: whole numbers, [1] each."""

    rows: Value
    columns: Value


def position_table(graph: Graph, network: Network, grid: Grid) -> Value | None:
    """What is added to patches, [N, C]; None where nothing is."""
    if network.positions == "none":
        return None
    return (_sincos if network.positions == "sincos" else _interpolated)(graph, network, grid)


def rotary_table(graph: Graph, network: Network, grid: Grid) -> tuple[Value, Value] | None:
    """Cosines and sines by which queries and keys of patches are turned, [N, C/heads/2] each; None where they are not.

    Angles are 2π·place/period; rows' first, then columns'.
    """
    if not network.rotary:
        return None
    frequencies = (2 * np.pi / network.periods.astype(np.float64)).astype(np.float32)
    ys, xs = (_angles(graph, places, frequencies) for places in _rotary_places(graph, network, grid))
    angles = _side_by_side(graph, grid, rows=ys, columns=xs, width=len(frequencies), rows_first=True)
    return graph("Cos", angles), graph("Sin", angles)


def _rotary_places(graph: Graph, network: Network, grid: Grid) -> list[Value]:
    """Of rows and of columns: counted on the grid of reference, else from −1 to 1 at the image's borders."""
    if network.rotary_reference is None:
        return [_between_borders(graph, cells) for cells in grid]
    counted = zip(grid, network.rotary_reference, strict=True)
    return [
        graph("Div", graph("Mul", _count(graph, cells), graph.floats(length)), graph("Cast", cells, to=1))
        for cells, length in counted
    ]


def bias(graph: Graph, network: Network, block: int) -> Value | None:
    """What is added to the scores of a block's attention, [1, heads, N, N], at the trained grid; None: nothing."""
    if not network.bias_tables:
        return None
    shared = "relative_position_bias_table"
    name = shared if network.bias_tables == 1 else f"blocks.{block}.attn.{shared}"
    index = _distances(*network.config.grid, class_token=network.class_token)
    places = graph.integers(*index.ravel())
    found = graph("Gather", graph.weight(network.arrays[name].T, f"{name}.{block}"), places, axis=1)
    return graph.reshaped(found, 1, network.config.heads, *index.shape)


def _distances(rows: int, columns: int, *, class_token: bool) -> np.ndarray:
    """Which row of BEiT's table is the bias of a query to a key."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    across = 2 * columns - 1
    patches = (y[:, None] - y + rows - 1) * across + x[:, None] - x + columns - 1
    if not class_token:
        return patches
    last = (2 * rows - 1) * across
    index = np.empty((len(y) + 1, len(y) + 1), np.int64)
    index[1:, 1:] = patches
    index[0, :], index[:, 0], index[0, 0] = last, last + 1, last + 2
    return index


def _sincos(graph: Graph, network: Network, grid: Grid) -> Value:
    """Coordinates span the trained grid's: [sin x, cos x, sin y, cos y], x the column."""
    config = network.config
    quarter = config.width // 4
    frequencies = (10000 ** (-4 * np.arange(quarter) / config.width)).astype(np.float32)
    parts = []
    for cells, trained in zip(grid, config.training_grid, strict=True):
        span = 0.0 if trained == 1 else float(trained if config.positions == "linspace" else trained - 1)
        steps = graph("Max", graph("Sub", cells, graph.integers(1)), graph.integers(1))
        step = graph("Div", graph.floats(span), graph("Cast", steps, to=1))
        angles = _angles(graph, graph("Mul", _count(graph, cells), step), frequencies)
        parts.append(graph("Concat", graph("Sin", angles), graph("Cos", angles), axis=1))
    return _side_by_side(graph, grid, rows=parts[0], columns=parts[1], width=2 * quarter, rows_first=False)


def _interpolated(graph: Graph, network: Network, grid: Grid) -> Value:
    """A table, mapped along rows and columns by matrices of weights."""
    rows, columns = network.config.training_grid
    width = network.config.width
    table = graph.weight(network.patch_positions.reshape(rows, columns * width), "positions")
    by_rows, by_columns = _maps(graph, network.interpolation, grid, (rows, columns))
    found = graph.reshaped(graph("MatMul", by_rows, table), -1, columns, width)
    return graph.reshaped(graph("MatMul", by_columns, found), -1, width)


def _maps(graph: Graph, rule: str, grid: Grid, trained: tuple[int, int]) -> list[Value]:
    """The weights of both axes, [cells, trained cells] each."""
    pairs = list(zip(grid, trained, strict=True))
    if rule == "antialiased":
        return [_antialiased(graph, cells, inputs) for cells, inputs in pairs]
    maps = [_between_four(graph, cells, inputs, 0.1 if rule == "offset" else 0) for cells, inputs in pairs]
    if rule != "offset":
        return maps
    # DINO's code leaves an axis that keeps its length as it is only where both do.
    equal = [graph("Equal", cells, graph.integers(inputs)) for cells, inputs in pairs]
    is_trained = graph("And", *equal)
    same = [
        graph("Cast", graph("Equal", _column(graph, _count(graph, cells)), _inputs(graph, inputs)), to=1)
        for cells, inputs in pairs
    ]
    return [graph("Where", is_trained, kept, found) for kept, found in zip(same, maps, strict=True)]


def _antialiased(graph: Graph, cells: Value, inputs: int) -> Value:
    """Bicubic, a = −½, widened where the axis gets shorter; what is outside left out, the rest scaled to sum 1."""
    scale = graph("Div", graph.floats(inputs), graph("Cast", cells, to=1))
    centers = graph("Mul", _column(graph, graph.sum(_count(graph, cells), graph.floats(0.5))), scale)
    widening = graph("Max", scale, graph.floats(1))
    apart = graph("Sub", graph.sum(_inputs(graph, inputs), graph.floats(0.5)), centers)
    weights = _cubic(graph, graph("Abs", graph("Div", apart, widening)), -0.5)
    return graph("Div", weights, graph("ReduceSum", weights, graph.integers(1), keepdims=1))


def _between_four(graph: Graph, cells: Value, inputs: int, offset: float) -> Value:
    """Bicubic between the four nearest, a = −¾; those outside are the border's."""
    # The ratio first: it is 1, and centres are whole, where the axis keeps its length.
    scale = graph("Div", graph.floats(inputs), graph.sum(graph("Cast", cells, to=1), graph.floats(offset)))
    middle = _column(graph, graph.sum(_count(graph, cells), graph.floats(0.5)))
    centers = graph("Sub", graph("Mul", middle, scale), graph.floats(0.5))
    below = graph("Floor", centers)
    parts = []
    for step in (-1, 0, 1, 2):
        place = graph.sum(below, graph.floats(step))
        weight = _cubic(graph, graph("Abs", graph("Sub", centers, place)), -0.75)
        inside = graph("Clip", place, graph.floats(0), graph.floats(inputs - 1))
        parts.append(graph("Mul", weight, graph("Cast", graph("Equal", inside, _inputs(graph, inputs)), to=1)))
    return graph.sum(*parts)


def _cubic(graph: Graph, x: Value, a: float) -> Value:
    """Keys' kernel of distances x ≥ 0."""

    def polynomial(*coefficients: float) -> Value:
        total = graph.floats(coefficients[0])
        for coefficient in coefficients[1:]:
            total = graph.sum(graph("Mul", total, x), graph.floats(coefficient))
        return total

    near, far = polynomial(a + 2, -(a + 3), 0, 1), polynomial(a, -5 * a, 8 * a, -4 * a)
    beyond = graph("Where", graph("Less", x, graph.floats(2)), far, graph.floats(0))
    return graph("Where", graph("Less", x, graph.floats(1)), near, beyond)


def _count(graph: Graph, cells: Value) -> Value:
    """0 … cells − 1, [cells]."""
    end = graph("Squeeze", cells, graph.integers(0))
    return graph("Cast", graph("Range", graph.integer(0), end, graph.integer(1)), to=1)


def _column(graph: Graph, x: Value) -> Value:
    return graph("Unsqueeze", x, graph.integers(1))


def _inputs(graph: Graph, inputs: int) -> Value:
    """0 … inputs − 1, [1, inputs]."""
    return graph.floats(np.arange(inputs)[np.newaxis])


def _between_borders(graph: Graph, cells: Value) -> Value:
    """Centres of cells, −1 at one border and 1 at the other."""
    middle = graph.sum(_count(graph, cells), graph.floats(0.5))
    return graph("Sub", graph("Div", graph.product(middle, graph.floats(2)), graph("Cast", cells, to=1)),
                 graph.floats(1))  # fmt: skip


def _angles(graph: Graph, places: Value, frequencies: np.ndarray) -> Value:
    """[cells, frequencies]."""
    return graph("Mul", _column(graph, places), graph.floats(frequencies[np.newaxis]))


def _side_by_side(graph: Graph, grid: Grid, *, rows: Value, columns: Value, width: int, rows_first: bool) -> Value:
    """[rows, width] and [columns, width] → [rows · columns, 2 width]."""
    shape = graph.shape(grid.rows, grid.columns, width)
    of_rows = graph("Expand", graph("Unsqueeze", rows, graph.integers(1)), shape)
    of_columns = graph("Expand", graph("Unsqueeze", columns, graph.integers(0)), shape)
    pair = (of_rows, of_columns) if rows_first else (of_columns, of_rows)
    return graph.reshaped(graph("Concat", *pair, axis=2), -1, 2 * width)
