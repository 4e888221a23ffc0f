"""A notebook widget that shows what an encoder sees: click a patch. Needs anywidget: `latentmim[explore]`.

>>> import latentmim as lm
>>> encoder = lm.load_encoder("dinov2_vits14.safetensors")              # doctest: +SKIP
>>> explorer = lm.explore(encoder, "photo.jpg")                         # doctest: +SKIP
>>> explorer                                                            # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from latentmim.encoder import require_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike
    from latentmim.config import Precision
    from latentmim.data import Dataset
    from latentmim.encoder import Encoder
    from latentmim.exploring.widget import Explorer
    from latentmim.segmentation import Linkage

__all__ = ["explore"]


def explore(
    encoder: Encoder,
    images: Dataset | PathLike | ArrayLike | Sequence[PathLike | ArrayLike],
    *,
    size: Literal["nearest"] | int | tuple[int, int] | None = None,
    linkage: Linkage = "ward",
    norm: bool = True,
    precision: Precision = "auto",
    cache: int = 512,
    **state: Any,
) -> Explorer:
    """A widget for JupyterLab, VS Code and marimo: click a patch and see which others are like it.

    It shows the cosine similarity of every patch, in every image, with the one that was clicked; segments, a merge tree
    over the patches of all images cut at any depth; or the first three principal components of the features as red,
    green and blue. All behind any layer. Features are computed when they are asked for.

    Args:
        encoder: whose features.
        images: one image [H, W, C], several [B, H, W, C], a list of images of any sizes (uint8 in 0 … 255 or float in
            0 … 1), a data set, or the path of an image or of a folder, or a list of paths; at most 100 images.
        size: what features are computed at: "nearest", each image's own size but for the remainder of patches;
            (height, width) or one number for both. None keeps each image's shape and scales it down, where needed, to
            48 patches along its longer side, fewer where there are many images (6000 patches in all).
        linkage: of the merge tree, as in `segment`.
        norm: features with the final norm, whatever the layer.
        precision: what the operands of products are rounded to, as in `Encoder.features`.
        cache: megabytes of features that are kept at most, the layers used last; the layer shown always is.
        state: what to begin with: the traits of `latentmim.exploring.widget.Explorer`, `patch`, `threshold`,
            `segments`, `layer`, `view` and `opacity`.

    Returns:
        The widget. As the last line of a cell it is shown; its traits can be read, set and observed.

    Raises:
        ImportError: anywidget is not installed.
        ValueError: more than 100 images or none, another number of channels, NaN, an unknown trait.
        TypeError: `encoder` is none, pixels neither uint8 nor float.
        traitlets.TraitError: a trait's value is not among those that it takes; the message says which are.

    Examples:
        >>> explorer = lm.explore(encoder, [image, lm.resize(photos[2], 160)], layer=2)
        >>> explorer.layer
        2

    """
    require_encoder(encoder)
    try:
        # Loaded with the first widget: ipywidgets takes its time, and need not be there before.
        from latentmim.exploring.widget import Explorer
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("anywidget", "traitlets", "ipywidgets", "IPython"):
            raise
        raise ImportError("latentmim.explore needs anywidget: pip install 'latentmim[explore]'") from error
    from latentmim.exploring.features import Features
    from latentmim.exploring.pictures import gather

    names, pictures = gather(images, encoder.config.channels)
    features = Features(encoder, pictures, size, norm=norm, precision=precision, cache=cache)
    return Explorer(features, names, linkage, **state)
