"""The top of an image's merge tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.plot.canvas import INK, displayed, panels, style
from latentmim.plot.label_colours import colours, label_map, show_region

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from latentmim.segmentation import Segments

__all__ = ["merge_tree"]

# Share of the axes' height that the leaves' pictures take.
LEAF_SHARE = 0.26


def merge_tree(image: ArrayLike, segments: Segments, leaves: int = 10, *, ax: Any = None) -> Axes:
    """The last merges of an image's patches as a dendrogram, each leaf with its part of the image. Branches within a
    segment have its colour in `segments`.

    Args:
        image: [H, W, C], uint8, uint16 or float in 0 … 1.
        segments: of `latentmim.segment`.
        leaves: how many parts the tree begins with, from the number of segments to that of patches.
        ax: where to draw, see `latentmim.plot`.

    Raises:
        TypeError: `segments` are none of `latentmim.segment`.
        ValueError: an image of another size, a number of leaves out of range, segments of several images.

    Examples:
        >>> lm.plot.merge_tree(image, lm.segment(encoder, image, 4), leaves=5).figure.savefig("tree.png")

    """
    picture = displayed(image, "merge_tree")
    if not hasattr(segments, "tree"):
        raise TypeError(f"merge_tree: segments is a {type(segments).__name__}, wanted what `latentmim.segment` returns")
    if len(segments.tree) + 1 != segments.patch_labels.size:
        raise ValueError("merge_tree: segments are of several images in one tree, wanted those of one image alone")
    least, most = max(2, segments.count), segments.patch_labels.size
    if not least <= leaves <= most:
        raise ValueError(f"merge_tree: leaves is {leaves}, wanted {least} (segments) … {most} (patches)")
    cut = segments.cut(leaves)
    pixels = label_map(cut, picture.shape[:2], "merge_tree", "segments")
    axes: Axes = panels("merge_tree", 1, 1, 1.3 * leaves + 0.8, 4.6, ax)[0, 0]
    style(axes, f"the last {leaves - 1} merges", xlabel="").grid(axis="x", visible=False)
    axes.set_ylabel("distance of the merged", fontsize=9)

    top = segments.tree[-(leaves - 1) :]
    children, leaf_of = _top(segments.tree, cut.patch_labels.ravel(), leaves)
    order = _order(children, leaves)
    owner = _owners(children, segments.patch_labels.ravel(), leaf_of, leaves)
    shades = colours(segments.count)
    _draw_links(axes, children, order, top[:, 2], [INK if one < 0 else shades[one] for one in owner])
    for position, leaf in enumerate(order):
        inset = axes.inset_axes((position - 0.48, 0, 0.96, LEAF_SHARE), transform=axes.get_xaxis_transform())
        show_region(inset, picture, pixels == leaf, shades[owner[leaf]])
        inset.set_anchor("N")
    return axes


def _top(tree: NDArray[np.float64], labels: NDArray[Any], leaves: int) -> tuple[NDArray[Any], dict[int, int]]:
    """[leaves − 1, 2] the merges of the top, where leaves are numbered as labels and merge i is leaves + i; and a patch
    of each leaf.
    """
    count = len(tree) + 1
    first = count - leaves
    member = np.arange(2 * count - 1)  # some patch of each cluster
    for i, (one, _) in enumerate(tree[:, :2].astype(int)):
        member[count + i] = member[one]
    number = {}
    for cluster in tree[first:, :2].astype(int).ravel().tolist():
        number[cluster] = leaves + cluster - count - first if cluster >= count + first else int(labels[member[cluster]])
    pairs = np.array([[number[int(one)], number[int(other)]] for one, other in tree[first:, :2]])
    return pairs, {label: int(np.argmax(labels == label)) for label in range(leaves)}


def _order(children: NDArray[Any], leaves: int) -> list[int]:
    """The leaves from left to right, so that no branches cross."""
    waiting, order = [leaves + len(children) - 1], []
    while waiting:
        node = waiting.pop()
        if node < leaves:
            order.append(node)
        else:
            waiting += children[node - leaves][::-1].tolist()
    return order


def _owners(children: NDArray[Any], segments: NDArray[Any], patch: dict[int, int], leaves: int) -> list[int]:
    """The segment that each leaf and merge lies in, −1 where it holds several."""
    owner = [int(segments[patch[leaf]]) for leaf in range(leaves)]
    for one, other in children.tolist():
        owner.append(owner[one] if owner[one] == owner[other] else -1)
    return owner


def _draw_links(
    axes: Axes, children: NDArray[Any], order: list[int], heights: NDArray[np.float64], colour: list[Any]
) -> None:
    leaves = len(order)
    base = 0.0
    x, y = [0.0] * leaves, [base] * leaves
    for position, leaf in enumerate(order):
        x[leaf] = float(position)
    for i, (one, other) in enumerate(children.tolist()):
        high = float(heights[i])
        for child, tip in ((one, x[one]), (other, x[other])):
            axes.plot([tip, tip], [y[child], high], color=colour[child], linewidth=2.2, solid_capstyle="round")
        axes.plot([x[one], x[other]], [high, high], color=colour[leaves + i], linewidth=2.2, solid_capstyle="round")
        x.append((x[one] + x[other]) / 2)
        y.append(high)
    reach = 1.04 * max(y)
    # Leaves begin above their pictures.
    axes.set(xlim=(-0.6, leaves - 0.4), ylim=(-reach * (LEAF_SHARE + 0.02) / (0.98 - LEAF_SHARE), reach), xticks=[])
    axes.spines["left"].set_bounds(0, reach)
    axes.spines["bottom"].set_visible(False)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= reach])
