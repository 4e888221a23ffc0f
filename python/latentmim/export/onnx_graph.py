"""A graph of ONNX while it is built: each operation is a call that gives the name of what it computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Graph", "Value"]

# The name of a value in a graph.
Value = str
# Of 2021: what runtimes of some years' standing read. It has normalisation of layers, and all else that is needed.
OPSET, IR_VERSION = 17, 8


class Graph:
    """Nodes and constants.

    Args:
        onnx: the package.

    """

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._shared: dict[tuple[str, tuple[int, ...], bytes], Value] = {}
        self.bytes = 0

    def __call__(self, operation: str, *inputs: Value, **attributes: Any) -> Value:
        """Add a node. Returns the name of its output."""
        name = f"{operation}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operation, inputs, [name], **attributes))
        return name

    def weight(self, values: Any, name: str) -> Value:
        """Add a constant under a name."""
        array = np.asarray(values, order="C")
        self.bytes += array.nbytes
        self._constants[name] = self._onnx.numpy_helper.from_array(array, name)
        return name

    def floats(self, numbers: Any) -> Value:
        """A small constant: a number, or an array."""
        return self._small(np.asarray(numbers, np.float32))

    def integers(self, *numbers: int) -> Value:
        """A list of whole numbers."""
        return self._small(np.array(numbers, np.int64))

    def integer(self, number: int) -> Value:
        """A whole number."""
        return self._small(np.array(number, np.int64))

    def _small(self, values: NDArray[Any]) -> Value:
        key = (str(values.dtype), values.shape, values.tobytes())
        if key not in self._shared:
            self._shared[key] = self.weight(values, f"constant_{len(self._shared)}")
        return self._shared[key]

    def linear(self, x: Value, name: str, weight: Any, bias: Any) -> Value:
        """x·Wᵀ + b of a stored [out, in]."""
        product = self("MatMul", x, self.weight(weight.T, f"{name}.weight"))
        return self.sum(product, self.weight(bias, f"{name}.bias"))

    def sum(self, *values: Value) -> Value:
        """All added up."""
        total = values[0]
        for value in values[1:]:
            total = self("Add", total, value)
        return total

    def product(self, *values: Value) -> Value:
        """All multiplied."""
        total = values[0]
        for value in values[1:]:
            total = self("Mul", total, value)
        return total

    def reshaped(self, x: Value, *sizes: Value | int) -> Value:
        """With sizes that are numbers, or values [1]."""
        return self("Reshape", x, self.shape(*sizes))

    def shape(self, *sizes: Value | int) -> Value:
        """Sizes in a row."""
        if all(isinstance(size, int) for size in sizes):
            return self.integers(*(int(size) for size in sizes))
        return self("Concat", *(self.integers(size) if isinstance(size, int) else size for size in sizes), axis=0)

    def model(self, title: str, inputs: dict[str, list[Any]], outputs: dict[str, tuple[Value, list[Any]]]) -> Any:
        """The whole.

        Args:
            title: of the graph.
            inputs: shapes by name, text for a size that is open.
            outputs: the value and its shape, by name.

        """
        helper, kind = self._onnx.helper, self._onnx.TensorProto.FLOAT
        nodes = [*self._nodes, *(helper.make_node("Identity", [value], [name]) for name, (value, _) in outputs.items())]
        graph = helper.make_graph(
            nodes, title,
            [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, kind, shape) for name, (_, shape) in outputs.items()],
            list(self._constants.values()),
        )  # fmt: skip
        return helper.make_model(
            graph, producer_name="latentmim", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
        )
