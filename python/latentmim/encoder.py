"""An encoder at work: features of images of any size."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

import numpy as np

from latentmim import _arrays, _rows
from latentmim import _latentmim as _native
from latentmim.config import ModelConfig, ModelOptions, Precision, to_json
from latentmim.data import Arrays, Dataset, ImageFolder, load_image
from latentmim.data import resize as resize_images
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike

__all__ = ["Encoder", "load_encoder"]

Pooling = Literal["mean", "cls", "max", "topk_mean"]
Interpolation = Literal["antialiased", "bicubic", "offset"]
Activation = Literal["gelu", "quick_gelu", "gelu_tanh"]
OF_WEIGHTS = ("family", "prefix", "interpolation", "activation", "epsilon")


class Encoder:
    """A vision transformer that gives features. Found as `model.encoder`, or read by `load_encoder`."""

    def __init__(self) -> None:
        raise TypeError("Encoder: take `model.encoder`, or read one with `load_encoder(path)`")

    @classmethod
    def _from_handle(cls, handle: Any) -> Self:
        encoder = cls.__new__(cls)
        encoder._handle = handle
        encoder.config = ModelConfig.from_json(_native.encoder_configuration(handle))
        encoder.family = _native.encoder_family(handle)
        encoder.has_class_token = _native.encoder_has_class_token(handle)
        return encoder

    @classmethod
    def _of_model(cls, model: Any) -> Self:
        return cls._from_handle(_native.encoder_of_model(model))

    _handle: Any
    config: ModelConfig
    """The options of the model it belongs to. Of another project's encoder, its sizes and how pixels are normalised."""
    family: str
    """Whose names its weights had: "latentmim", or a family of another project's, see `load_encoder`."""
    has_class_token: bool
    """Whether it has a class token."""

    def features(
        self,
        images: Dataset | PathLike | ArrayLike,
        *,
        layer: int | None = None,
        norm: bool = True,
        projector: bool = False,
        class_token: bool = False,
        resize: Literal["nearest"] | int | tuple[int, int] | None = None,
        extend_positions: bool = False,
        precision: Precision = "float32",
    ) -> FloatArray:
        """One vector for each patch.

        The same call gives the same bits, whatever the number of threads. Computed together with more or fewer other
        images, those of an image may differ in the last bits.

        Args:
            images: [B, H, W, channels], or one image [H, W, channels]: uint8 in 0 … 255 or float in 0 … 1, not
                normalised. Or a data set, or the path of a folder or of one image.
            layer: behind which block they are taken: 0 (before the first) … depth, or counted from the end, −1 the
                last; the last if not given.
            norm: with the final norm.
            projector: through the projector, behind the norm.
            class_token: with the class token, as the first of N + 1.
            resize: how sides that the patch size does not divide are dealt with: None refuses them; "nearest" takes the
                nearest that it does divide; a number or (height, width) is the size to compute at. The images of a
                data set or folder, which may differ, are all brought to that size, or to the trained one for None;
                `latentmim.evaluate.features` can cut them instead.
            extend_positions: larger images reach further than the trained grid, instead of spanning its range.
            precision: what the operands of products are rounded to: "float32", "bf16" (needs a processor with
                AVX512-BF16) or "auto", bf16 where there is.

        Returns:
            [B, N, C] float32, patches row by row; [N, C] for one image. NaN for images that a data set skips because
            they cannot be read.

        Raises:
            ValueError: sides that do not divide (the nearest that do are named), wrong channels, NaN, no such layer, no
                class token; positions of another project's encoder, which end with their table, are to be extended.
            TypeError: pixels neither uint8 nor float.

        """
        if class_token and not self.has_class_token:
            raise ValueError("class_token: this encoder has none")
        source = _source(images, self.config.channels)
        if isinstance(source, Dataset):
            return self._of_dataset(
                source, resize, layer=layer, norm=norm, projector=projector, precision=precision,
                pooling="tokens" if class_token else "patches", extend_positions=extend_positions,
            )  # fmt: skip
        pixels, is_single = _arrays.batch(source)
        tokens = self._tokens(self._resized(pixels, resize), layer, norm, projector, extend_positions, precision)
        tokens = tokens if class_token or not self.has_class_token else tokens[:, 1:]
        return tokens[0] if is_single else tokens

    def pool(
        self,
        images: Dataset | PathLike | ArrayLike,
        pooling: Pooling = "mean",
        *,
        k: int = 10,
        layer: int | None = None,
        norm: bool = True,
        projector: bool = False,
        resize: Literal["nearest"] | int | tuple[int, int] | None = None,
        precision: Precision = "float32",
    ) -> FloatArray:
        """One vector for each image: [B, C] float32, [C] for one image.

        Args:
            images: as in `features`, and so are `layer`, `norm`, `projector`, `resize` and `precision`.
            pooling: "mean" or "max" of the patches, the class token "cls", or "topk_mean", per channel the mean of
                its `k` largest values.
            k: of "topk_mean".
            layer: see `features`.
            norm: see `features`.
            projector: see `features`.
            resize: see `features`.
            precision: see `features`.

        """
        source = _source(images, self.config.channels)
        if isinstance(source, Dataset):
            return self._of_dataset(
                source, resize, layer=layer, norm=norm, projector=projector, precision=precision, pooling=pooling,
                pooling_k=k,
            )  # fmt: skip
        pixels, is_single = _arrays.batch(source)
        tokens = self._tokens(self._resized(pixels, resize), layer, norm, projector, False, precision)
        pooled = np.empty((len(tokens), tokens.shape[2]), np.float32)
        _native.pool(tokens, self.has_class_token, pooling, k, pooled)
        return pooled[0] if is_single else pooled

    def grid(self, images: ArrayLike) -> tuple[int, int]:
        """Rows and columns of the patches of images [B, H, W, C] or [H, W, C] (or of an (H, W, C) shape's array)."""
        height, width = np.shape(images)[-3:-1]
        return height // self.config.patch_size, width // self.config.patch_size

    def nearest_size(self, height: int, width: int) -> tuple[int, int]:
        """The nearest height and width, in pixels, that the patch size divides."""
        side = self.config.patch_size
        return max(1, (2 * height + side) // (2 * side)) * side, max(1, (2 * width + side) // (2 * side)) * side

    def save(self, path: PathLike) -> None:
        """Write the encoder and its configuration (safetensors), complete or not at all.

        Raises:
            OSError: it cannot be written.
            ValueError: the name has the ending of another format, such as ".pth".

        """
        _native.encoder_save(self._handle, _arrays.path(path))

    def _resized(self, pixels: NDArray[Any], size: Literal["nearest"] | int | tuple[int, int] | None) -> NDArray[Any]:
        if size is None:
            return pixels
        if isinstance(size, str):
            if size != "nearest":
                raise ValueError(f"resize: is '{size}', wanted 'nearest', a number of pixels, (height, width) or None")
            size = self.nearest_size(*pixels.shape[1:3])
        return pixels if _arrays.sides(size) == pixels.shape[1:3] else resize_images(pixels, size)

    def _of_dataset(
        self, data: Dataset, resize: Literal["nearest"] | int | tuple[int, int] | None, **options: Any
    ) -> FloatArray:
        """Features of the images of a data set, whole images brought to one size."""
        if isinstance(resize, str):
            raise ValueError(
                f"resize: is '{resize}', but the images of a data set become one size: wanted a number of pixels, "
                "(height, width), or None for the trained size"
            )
        size = self.config.image_size if resize is None else _arrays.sides(resize)
        text = to_json(options | {"size": size, "short_side": 0, "layer": self._layer(options["layer"])})
        is_dense = options["pooling"] in ("patches", "tokens")
        return _rows.features(self, data, data._indices(None), text, is_dense)

    def _tokens(
        self, pixels: NDArray[Any], layer: int | None, norm: bool, projector: bool, extend: bool, precision: Precision
    ) -> FloatArray:
        rows, columns = self.grid(pixels)
        tokens = np.empty((len(pixels), rows * columns + self.has_class_token, self.config.width), np.float32)
        _native.encoder_features(self._handle, pixels, self._layer(layer), norm, projector, extend, precision, tokens)
        return tokens

    def _layer(self, layer: int | None) -> int:
        """A layer as the user names it, counted from the start."""
        depth = self.config.depth
        number = depth if layer is None else _arrays.whole(layer, "layer")
        if not -depth - 1 <= number <= depth:
            raise ValueError(f"layer: is {number}, wanted 0 … {depth}, or −1 … −{depth + 1} counted from the end")
        return number if number >= 0 else number + depth + 1

    def __repr__(self) -> str:
        config = self.config
        return (
            f"Encoder({config.width} wide, {config.depth} deep, {config.heads} heads; patches of "
            f"{config.patch_size}×{config.patch_size}×{config.channels}, trained on {config.grid[0]}×{config.grid[1]}"
            f"{'' if self.family == 'latentmim' else f'; {self.family}'})"
        )


def _source(images: Dataset | PathLike | ArrayLike, channels: int) -> Dataset | ArrayLike:
    """A data set, or pixels: those of `Arrays` and of a single file are at hand."""
    if isinstance(images, str | os.PathLike):
        read = ImageFolder if os.path.isdir(images) else load_image
        return read(images, channels=channels)
    return images.images if isinstance(images, Arrays) else images


def require_encoder(encoder: object) -> None:
    """Refuse what is no encoder, a model above all. Raises TypeError."""
    if not isinstance(encoder, Encoder):
        raise TypeError(f"encoder: is a {type(encoder).__name__}, wanted `model.encoder` or `load_encoder(path)`")


def load_encoder(
    weights: PathLike | Mapping[str, Any],
    *,
    family: str | None = None,
    prefix: str | None = None,
    interpolation: Interpolation | None = None,
    activation: Activation | None = None,
    epsilon: float | None = None,
    **options: Unpack[ModelOptions],
) -> Encoder:
    """Read an encoder: this project's, or the plain vision transformer of another.

    Files are safetensors or PyTorch's `.pth`, of which nothing is executed. Whose names they are, and where in the
    checkpoint the encoder lies, is told from the names; `docs/encoders.md` lists what loads.

    Args:
        weights: path of the file, of a run's folder or of one that holds model.safetensors (in parts too) or
            pytorch_model.bin; or arrays (PyTorch's tensors too) by name, perhaps in dicts within dicts.
        family: whose names they are, where that is not to be told from them; `docs/encoders.md` lists the families.
        prefix: what stands before the names of the encoder to take, such as "student.backbone."; where it is not given,
            the encoder is found by what names end in.
        interpolation: how positions that are a table are found for other grids: "antialiased" as timm does it,
            "bicubic" as Hugging Face, "offset" as DINO and DINOv2 do; the rule of the family's own project if not
            given.
        activation: between the layers of MLPs: "gelu", "quick_gelu" or "gelu_tanh"; what the configuration says, or
            the family has, if not given.
        epsilon: of layer normalisation; what the configuration says, or the family has, if not given.
        options: for weights without a configuration, what shapes do not tell. For other projects' these are `grid`,
            `heads`, `mean` and `std`. A config.json and preprocessor_config.json beside the file (Hugging Face's,
            timm's) are read; what neither tells is assumed, with a warning where models differ.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, something else, lacks tensors (the first are named), or has tensors of another
            architecture.
        TypeError: something in a mapping is no array.

    """
    refuse_unknown("load_encoder", options, [*OF_WEIGHTS, *ModelOptions.__annotations__])
    given = to_json(
        {"family": family, "prefix": prefix, "interpolation": interpolation, "activation": activation,
         "epsilon": epsilon, **options}
    )  # fmt: skip
    if isinstance(weights, Mapping):
        handle, remarks = _native.encoder_from_arrays(_arrays.by_name(_arrays.state_of(weights)), "weights", given)
    elif _arrays.is_pytorch(path := _weights_file(_arrays.path(weights))):
        from latentmim import pth

        beside = json.dumps({**json.loads(given), "beside": path})
        handle, remarks = _native.encoder_from_arrays(pth.weights(path), _arrays.shown(path), beside)
    else:
        handle, remarks = _native.encoder_load(path, given)
    _arrays.warn(remarks)
    return Encoder._from_handle(handle)


def _weights_file(path: str) -> str:
    """The file that a path means where only this face of the library reads it: PyTorch's in a folder of transformers."""
    older = os.path.join(path, "pytorch_model.bin")
    others = ("encoder.safetensors", "model.safetensors", "model.safetensors.index.json")
    has_others = any(os.path.exists(os.path.join(path, name)) for name in others)
    return older if os.path.isfile(older) and not has_others else path
