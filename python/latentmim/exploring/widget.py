"""The widget: its traits, and what follows when one of them changes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from traitlets import TraitError

from latentmim import _arrays
from latentmim.exploring import findings, preview
from latentmim.exploring.pictures import thumbnail
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray, IntArray
    from latentmim.exploring.features import Features
    from latentmim.segmentation import Linkage

__all__ = ["Explorer"]

HERE = Path(__file__).parent
VIEWS = ("similarity", "segments", "pca")
STATE = ("patch", "threshold", "segments", "layer", "view", "opacity")


class Explorer(anywidget.AnyWidget):
    """The widget of `latentmim.explore`, which makes it.

    Its traits are what a user sets by clicking and sliding; set in Python they move the widget, and `observe` tells of
    changes. A value that a trait does not take is a `traitlets.TraitError`, and the trait keeps its value.

    Attributes:
        patch: (image, row, column) of the patch that others are compared with, each from 0; (row, column) sets it
            within the same image. At first the middle of the first image.
        threshold: −1 … 1, patches that are less similar are not coloured. At first 0.5.
        segments: 1 … number of all patches, into how many the merge tree is cut. At first 6.
        layer: 0 … depth, behind which block features are taken, or counted from the end: −1 is the last, which it is
            at first.
        view: "similarity", "segments" or "pca".
        opacity: 0 … 1, of the colours over the images. At first 0.75.

    Examples:
        >>> explorer = lm.explore(encoder, image, patch=(0, 3, 4), segments=5)
        >>> similarities = explorer.similarities[0]
        >>> similarities.shape, round(float(similarities[3, 4]), 3)
        ((10, 10), 1.0)
        >>> len(np.unique(explorer.patch_labels[0])), explorer.components[0].shape
        (5, (10, 10, 3))

    """

    _esm = HERE / "explorer.js"
    _css = HERE / "explorer.css"

    patch: Any = traitlets.TraitType((0, 0, 0)).tag(sync=True)
    threshold: Any = traitlets.Float(0.5).tag(sync=True)
    segments: Any = traitlets.Int(6).tag(sync=True)
    layer: Any = traitlets.Int(-1).tag(sync=True)
    view: Any = traitlets.Enum(VIEWS, "similarity").tag(sync=True)
    opacity: Any = traitlets.Float(0.75).tag(sync=True)

    # What the browser shows and does not change: all images; what the traits above led to; what went wrong.
    _pictures: Any = traitlets.List().tag(sync=True)
    _depth: Any = traitlets.Int().tag(sync=True)
    _colours: Any = traitlets.Dict(preview.COLOURS).tag(sync=True)
    _shown: Any = traitlets.Dict().tag(sync=True)
    _error: Any = traitlets.Unicode().tag(sync=True)

    def __init__(self, features: Features, names: list[str], linkage: Linkage = "ward", **state: Any) -> None:
        """See `latentmim.explore`."""
        refuse_unknown("explore", state, STATE)
        self._features, self._names, self._linkage = features, names, linkage
        self._trees: dict[int, NDArray[np.float64]] = {}
        self._image = 0
        rows, columns = features.grids[0]
        first = {"patch": (0, rows // 2, columns // 2), "segments": min(6, features.count), "layer": features.depth}
        pictures = [self._picture(index) for index in range(len(names))]
        super().__init__(**first | state, _pictures=pictures, _depth=features.depth)
        self._show()

    @property
    def similarities(self) -> list[FloatArray]:
        """For each image [rows, columns] float32, the cosine similarity of its patches with `patch`."""
        features = self._features.of_layer(self.layer)
        return self._features.as_maps(findings.similarities(features, self._features.row(*self.patch)))

    @property
    def patch_labels(self) -> list[IntArray]:
        """For each image [rows, columns] int32, the segments of its patches, numbered through all images."""
        if self.layer not in self._trees:
            self._trees[self.layer] = findings.merge_tree(self._features.of_layer(self.layer), self._linkage)
        return self._features.as_maps(findings.cut(self._trees[self.layer], self.segments))

    @property
    def components(self) -> list[NDArray[np.uint8]]:
        """For each image [rows, columns, 3] uint8, the first three principal components of all images' patches."""
        return self._features.as_maps(findings.components(self._features.of_layer(self.layer)))

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser sets: an error that follows, in an observer of the user's too, is shown in the widget.

        Examples:
            >>> explorer = lm.explore(encoder, image)
            >>> explorer.set_state({"threshold": 0.8})
            >>> explorer.threshold
            0.8

        """
        self._error = ""
        try:
            super().set_state(sync_data)
        except BaseException as error:
            self._error = f"{type(error).__name__}: {error}"
            raise

    @traitlets.observe("patch", "segments", "layer", "view")
    def _refresh(self, change: Any) -> None:
        """What is shown follows its traits."""
        follows = {"similarity": "patch", "segments": "segments"}.get(self.view)
        if self._shown and change.name in ("view", "layer", follows):
            self._show()

    def _show(self) -> None:
        maps = [values.tobytes() for values in self._maps()]
        # The number makes the browser hear of an answer that is the same as before.
        self._shown = {"view": self.view, "number": self._shown.get("number", 0) + 1, "maps": maps}

    def _maps(self) -> Sequence[NDArray[Any]]:
        if self.view == "segments":
            return [labels.astype("<u4") for labels in self.patch_labels]
        return self.similarities if self.view == "similarity" else self.components

    def _still(self) -> NDArray[np.uint8]:
        """What is shown, as a picture."""
        shapes = [(*(picture[side] for side in ("height", "width")), 3) for picture in self._pictures]
        images = [np.frombuffer(picture["pixels"], np.uint8).reshape(shape)
                  for picture, shape in zip(self._pictures, shapes, strict=True)]  # fmt: skip
        maps = [preview.coloured(self.view, values, self.threshold) for values in self._maps()]
        return preview.side_by_side(images, maps, self.opacity)

    def _picture(self, index: int) -> dict[str, Any]:
        rows, columns = self._features.grids[index]
        pixels = thumbnail(self._features.images[index], len(self._names))
        height, width = pixels.shape[:2]
        return {"name": self._names[index], "rows": rows, "columns": columns, "height": height, "width": width,
                "pixels": pixels.tobytes()}  # fmt: skip

    @traitlets.validate("patch")
    def _valid_patch(self, proposal: Any) -> tuple[int, int, int]:
        try:
            given = [_arrays.whole(value, "patch") for value in proposal.value]
        except (TypeError, ValueError) as error:
            raise TraitError(f"patch: is {proposal.value!r}, wanted (image, row, column) ({error})") from None
        if len(given) not in (2, 3):
            raise TraitError(f"patch: is {proposal.value!r}, wanted (image, row, column) or (row, column)")
        # Not `self.patch[0]`: while notifications are held, `patch` is already what is being checked.
        image, row, column = given if len(given) == 3 else (self._image, *given)
        if not 0 <= image < len(self._names):
            raise TraitError(f"patch: is of image {image}, wanted 0 … {len(self._names) - 1}")
        rows, columns = self._features.grids[image]
        if not (0 <= row < rows and 0 <= column < columns):
            wanted = f"row 0 … {rows - 1}, column 0 … {columns - 1} of image {image}"
            raise TraitError(f"patch: is row {row}, column {column}, wanted {wanted}")
        self._image = image
        return image, row, column

    @traitlets.validate("layer")
    def _valid_layer(self, proposal: Any) -> int:
        depth = self._features.depth
        if not -depth - 1 <= proposal.value <= depth:
            raise TraitError(f"layer: is {proposal.value}, wanted 0 … {depth}, or −1 … −{depth + 1} from the end")
        return int(proposal.value) if proposal.value >= 0 else int(proposal.value) + depth + 1

    @traitlets.validate("segments")
    def _valid_segments(self, proposal: Any) -> int:
        if not 1 <= proposal.value <= self._features.count:
            raise TraitError(f"segments: is {proposal.value}, wanted 1 … {self._features.count}, the patches there are")
        return int(proposal.value)

    @traitlets.validate("threshold", "opacity")
    def _valid_share(self, proposal: Any) -> float:
        lowest = -1 if proposal.trait.name == "threshold" else 0
        if not lowest <= proposal.value <= 1:
            raise TraitError(f"{proposal.trait.name}: is {proposal.value}, wanted {lowest} … 1")
        return float(proposal.value)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """With a picture for where the notebook is read without running it."""
        bundle: tuple[dict[str, Any], dict[str, Any]] | None = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["image/png"] = base64.b64encode(preview.png(self._still())).decode()
        return bundle

    def __repr__(self) -> str:
        count = len(self._names)
        title = self._names[0] if count == 1 else f"{count} images"
        return f"Explorer({title}, {self.view}, layer {self.layer} of {self._features.depth}, patch {self.patch})"
