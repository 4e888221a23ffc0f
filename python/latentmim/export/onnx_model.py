"""For ONNX Runtime, OpenVINO and whatever else reads ONNX: model.onnx, written without PyTorch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from latentmim.export.onnx_graph import Graph
from latentmim.export.onnx_network import model

if TYPE_CHECKING:
    from latentmim.export.network import Network

__all__ = ["check", "metadata", "notes", "problems", "usage", "write"]

# A file of Protocol Buffers ends at 2 GiB; weights of more lie in a file beside it.
MOST_INSIDE = 3 << 29


def check() -> None:
    """Raises ImportError naming the extra that has onnx.

    Examples:
        >>> from latentmim.export import onnx_model
        >>> onnx_model.check()

    """
    _onnx()


def problems(network: Network) -> list[str]:
    """Why ONNX cannot express this network: it can.

    Examples:
        >>> from latentmim.export import onnx_model
        >>> from latentmim.export.network import network_of
        >>> onnx_model.problems(network_of(encoder))
        []

    """
    return []


def write(network: Network, folder: str) -> None:
    """Write the model.

    Examples:
        >>> import os
        >>> from latentmim.export import onnx_model
        >>> from latentmim.export.network import network_of
        >>> os.mkdir("onnx")
        >>> onnx_model.write(network_of(encoder), "onnx")
        >>> os.listdir("onnx")
        ['model.onnx']

    """
    onnx = _onnx()
    graph = Graph(onnx)
    whole = model(graph, network)
    beside = {"save_as_external_data": True, "location": "model.onnx.data"} if graph.bytes > MOST_INSIDE else {}
    onnx.save_model(whole, os.path.join(folder, "model.onnx"), **beside)


def metadata(network: Network) -> dict[str, Any]:
    """What the card's head says.

    Examples:
        >>> from latentmim.export import onnx_model
        >>> from latentmim.export.network import network_of
        >>> sorted(onnx_model.metadata(network_of(encoder)))[:2]
        ['library_name', 'pipeline_tag']

    """
    return {"library_name": "onnx", "pipeline_tag": "image-feature-extraction", "tags": ["onnx", "latentmim"]}


def usage(network: Network) -> str:
    """How it is used.

    Examples:
        >>> from latentmim.export import onnx_model
        >>> from latentmim.export.network import network_of
        >>> "onnxruntime" in onnx_model.usage(network_of(encoder))
        True

    """
    channels, width = network.config.channels, network.config.width
    return f"""```python
import onnxruntime
session = onnxruntime.InferenceSession("FOLDER/model.onnx")
tokens, pooled = session.run(None, {{"images": images}})   # [B, {channels}, H, W] float32 in 0 … 1, not normalised
                                                           # → [B, N, {width}], [B, {width}]
```"""


def notes(network: Network) -> list[str]:
    """What is to be known of inputs and outputs.

    Examples:
        >>> from latentmim.export import onnx_model
        >>> from latentmim.export.network import network_of
        >>> isinstance(onnx_model.notes(network_of(encoder)), list)
        True

    """
    first = "the class token, then patches" if network.class_token else "patches"
    (height, width), side = network.config.image_size, network.config.patch_size
    sizes = (
        f"Images of {height} × {width} pixels only: relative position bias is stored for these."
        if network.bias_tables
        else f"Any number of images, of any size that patches of {side} × {side} pixels fill; positions are computed "
        "in the model, as latentmim computes them."
    )
    return [
        "The model normalises pixels itself.",
        f"`tokens` are {first}; `pooled` is the mean of patches.",
        sizes,
        "OpenVINO computes in bfloat16 where a processor has it, unless told `INFERENCE_PRECISION_HINT`: `f32`.",
    ]


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ImportError("the format 'onnx' needs the onnx package: pip install 'latentmim[onnx]'") from error
    return onnx
