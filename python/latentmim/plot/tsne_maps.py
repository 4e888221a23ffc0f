"""Where an image's patches lie among each other: t-SNE, coloured by segment. Needs scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentmim.encoder import require_encoder
from latentmim.plot.canvas import INK, displayed, grey, panels, picture, show
from latentmim.plot.label_colours import colours, label_map, overlay
from latentmim.plot.patches import patches
from latentmim.segmentation import Segments, segment

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from latentmim.encoder import Encoder
    from latentmim.plot.canvas import Panels

__all__ = ["tsne"]


def tsne(
    encoder: Encoder,
    image: ArrayLike,
    segments: int | Segments = 6,
    *,
    perplexity: float = 30,
    seed: int = 0,
    size: Any = None,
    ax: Any = None,
    **options: Any,
) -> Panels:
    """An image's segments, and the t-SNE of its patches in the segments' colours (Fig. 10): patches of length 1, begun
    with their first two principal components. Needs scikit-learn: `latentmim[tsne]`.

    Args:
        encoder: whose features.
        image: [H, W, C], uint8, uint16 or float in 0 … 1.
        segments: how many, or what `latentmim.segment` returned.
        perplexity: about how many neighbours count, below the number of patches.
        seed: of scikit-learn's optimisation.
        size: what features are computed at, as `resize` of `Encoder.features`; if not given, so that there are the
            patches of the segments, or "nearest".
        ax: where to draw, see `latentmim.plot`.
        options: `layer` and others of `Encoder.features`.

    Returns:
        Axes [2]: the segments, the points of the patches.

    Raises:
        ImportError: there is no scikit-learn.
        TypeError: no encoder, pixels of another type.
        ValueError: segments of another grid of patches, a perplexity out of range, unknown options.

    Examples:
        >>> lm.plot.tsne(encoder, image, segments=3, perplexity=5, size=80).shape
        (2,)

    """
    picture()
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ImportError("latentmim.plot.tsne needs scikit-learn: pip install 'latentmim[tsne]'") from error
    photo = displayed(image, "tsne")
    require_encoder(encoder)
    if size is None and isinstance(segments, Segments):
        size = tuple(encoder.config.patch_size * count for count in segments.patch_labels.shape)
    size = "nearest" if size is None else size
    found = patches("tsne", encoder, image, size, options)
    if not isinstance(segments, Segments):
        shared = {name: value for name, value in options.items() if name in ("layer", "norm", "precision")}
        segments = segment(encoder, image, segments, size=size, **shared)
    if segments.patch_labels.shape != found.grid.shape:
        here, there = list(segments.patch_labels.shape), list(found.grid.shape)
        raise ValueError(f"tsne: segments have {here} patches, wanted the {there} of size {size!r}")
    if not 0 < perplexity < len(found.flat):
        raise ValueError(f"tsne: perplexity is {perplexity}, wanted more than 0, less than {len(found.flat)} patches")
    points = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(found.flat)

    labels = label_map(segments, photo.shape[:2], "tsne", "segments")
    height, width = labels.shape
    axes: Panels = panels("tsne", 1, 2, 9, 4.5 * height / width + 0.4, ax)[0]
    shades = colours(segments.count)
    show(axes[0], grey(photo), f"{segments.count} segments")
    overlay(axes[0], labels, shades, 0.6)
    axes[1].scatter(*points.T, c=shades[segments.patch_labels.ravel()], s=9, linewidths=0)
    axes[1].set_title(f"t-SNE of {len(points)} patches", fontsize=10, color=INK)
    axes[1].set(xticks=[], yticks=[], aspect="equal", anchor="C")
    axes[1].spines[:].set_color("#CCCCCC")
    return axes
