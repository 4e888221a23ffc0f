"""An encoder at work: features of images of any size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypedDict, Unpack

import numpy as np

from latentmim import _arrays, _pickling, _rows
from latentmim import _latentmim as _native
from latentmim.config import ModelConfig, Precision, to_json
from latentmim.data import Arrays, Dataset, ImageFolder, load_image
from latentmim.data import resize as resize_images
from latentmim.data.each import each_image

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.export import Format

__all__ = ["Encoder", "require_encoder"]

Pooling = Literal["mean", "cls", "max", "topk_mean"]
Part = Literal["tokens", "queries", "keys", "values"]
Layers: TypeAlias = "int | Sequence[int] | None"
Resize: TypeAlias = "Literal['nearest', 'auto'] | int | tuple[int, int] | None"


class MapOptions(TypedDict, total=False):
    """What `Encoder.each_features` takes as `Encoder.features` does."""

    layer: int | Sequence[int] | None
    part: Part
    norm: bool
    projector: bool
    stride: int | None
    extend_positions: bool
    precision: Precision


# What follows from the weights.
OF_HANDLE = ("_handle", "_is_of_model", "_ranks", "config", "family", "has_class_token")


class Encoder:
    """A vision transformer that gives features. Found as `model.encoder`, or read by `load_encoder`.

    It pickles and copies, other projects' too, to the same features bit by bit. `copy.copy` shares the weights, and so
    does `copy.deepcopy` of one that is not a model's, as nothing can change them. Of a model's encoder,
    `copy.deepcopy` and pickle hold the weights of that moment, what adapters add taken in.

    Examples:
        >>> encoder
        Encoder(48 wide, 2 deep, 3 heads; patches of 16×16×3, trained on 4×4)
        >>> encoder.features(image).shape
        (100, 48)

    """

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
        encoder = cls._from_handle(_native.encoder_of_model(model))
        encoder._is_of_model = True
        return encoder

    def _joined(self, communicator: Any, rank: int, size: int) -> Self:
        """The same, by which all ranks encode data sets together; see `Ranks.encoding`."""
        other = self.__copy__()
        other._handle, other._ranks = _native.encoder_join(self._handle, communicator, rank, size), size
        return other

    def __getstate__(self) -> dict[str, Any]:
        rest = {name: value for name, value in vars(self).items() if name not in OF_HANDLE}
        return rest | {"weights": _pickling.bytes_of(_native.encoder_save, self._handle)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        rest = dict(state)
        read = type(self)._from_handle(_pickling.from_bytes(_native.encoder_load, rest.pop("weights")))
        vars(self).update(rest | vars(read))

    def __copy__(self) -> Self:
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if not self._is_of_model:
            return self.__copy__()
        other = type(self).__new__(type(self))
        other.__setstate__(self.__getstate__())
        return other

    _handle: Any
    _is_of_model = False
    _ranks = 1
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
        layer: int | Sequence[int] | None = None,
        part: Part = "tokens",
        norm: bool = True,
        projector: bool = False,
        class_token: bool = False,
        resize: Resize = None,
        stride: int | None = None,
        extend_positions: bool = False,
        precision: Precision = "float32",
    ) -> FloatArray:
        """One vector for each patch.

        The same call gives the same bits, whatever the number of threads, and those of a layer do not depend on which
        others are taken with it. Those of an image do not depend on which others are computed with it, either, where
        there is AVX2; elsewhere they may differ in the last bits, as OpenBLAS's products do.

        Args:
            images: [B, H, W, channels], or one image [H, W, channels]: uint8 in 0 … 255 or float in 0 … 1, not
                normalised; NumPy's or of any library whose arrays NumPy reads, on the CPU. Or a data set, or the path
                of a folder or of one image.
            layer: behind which block they are taken: 0 (before the first) … depth, or counted from the end, −1 the
                last; the last if not given. Several are computed in one pass.
            part: the "tokens" behind that block, or what its attention reads: its "queries", "keys" or "values", heads
                side by side.
            norm: with the final norm; tokens only.
            projector: through the projector, behind the norm; tokens only.
            class_token: with the class token, as the first of N + 1.
            resize: how sides that patches do not fill are dealt with: None refuses them; "nearest" takes the
                `nearest_size`; "auto" the size of 48 patches on the short side, as `segment` does; a number or (height,
                width) is the size to compute at. The images of a data set or folder, which may differ, are all brought
                to that size, or to the trained one for None; see `each_features` for each at its own,
                `latentmim.evaluate.features` for cutting them.
            stride: pixels from a patch to the next, the patch size if not given. With less they overlap and give a
                denser map (Amir et al. 2021), 1 + (H − patch size) / stride rows, whose positions span what those of
                whole patches do. Time grows with the square of what the stride is divided by, and more.
            extend_positions: larger images reach further than the trained grid, instead of spanning its range.
            precision: what the operands of products are rounded to: "float32", "bf16" (needs a processor with
                AVX512-BF16), "auto", bf16 where there is, or "int8" (needs AVX2): linear layers of blocks and
                projector, but for the first block's MLP and the first layer of the second one's, multiply eight-bit
                numbers, each token and channel by a scale of its own.

        Returns:
            [B, N, C] float32, patches row by row (`grid` says how many); [N, C] for one image; [layers, …] for a list
            of layers. NaN for images that a data set skips because they cannot be read.

        Raises:
            ValueError: sides that do not divide (the nearest that do are named), wrong channels, NaN, no such layer, no
                class token; positions of another project's encoder, which end with their table, are to be extended; a
                stride for one with relative position bias.
            TypeError: pixels neither uint8 nor float.
            MemoryError: there is not enough for the result.

        Examples:
            >>> encoder.features(image).shape
            (100, 48)
            >>> encoder.features(image, layer=[1, 2], part="keys", resize=(64, 64)).shape
            (2, 16, 48)

        """
        if class_token and not self.has_class_token:
            raise ValueError("class_token: this encoder has none")
        source = _source(images, self.config.channels)
        if isinstance(source, Dataset):
            return self._of_dataset(
                source, resize, layer=layer, part=part, norm=norm, projector=projector, stride=stride,
                precision=precision, pooling="tokens" if class_token else "patches", extend_positions=extend_positions,
            )  # fmt: skip
        pixels, is_single = _arrays.batch(source)
        pixels = self._resized(pixels, resize, stride)
        tokens = self._tokens(pixels, layer, part, norm, projector, stride, extend_positions, precision)
        # Contiguous: JAX takes no others by DLPack.
        tokens = tokens if class_token or not self.has_class_token else np.ascontiguousarray(tokens[:, :, 1:])
        return _unlisted(tokens[:, 0] if is_single else tokens, layer)

    def pool(
        self,
        images: Dataset | PathLike | ArrayLike,
        pooling: Pooling = "mean",
        *,
        k: int = 10,
        layer: int | Sequence[int] | None = None,
        part: Part = "tokens",
        norm: bool = True,
        projector: bool = False,
        resize: Resize = None,
        stride: int | None = None,
        precision: Precision = "float32",
    ) -> FloatArray:
        """One vector for each image: [B, C] float32, [C] for one image, [layers, …] for a list of layers.

        Means are taken in double precision.

        Args:
            images: as in `features`, and so are `layer`, `part`, `norm`, `projector`, `resize`, `stride` and
                `precision`.
            pooling: "mean" or "max" of the patches, the class token "cls", or "topk_mean", per channel the mean of
                its `k` largest values.
            k: of "topk_mean".
            layer: see `features`.
            part: see `features`.
            norm: see `features`.
            projector: see `features`.
            resize: see `features`.
            stride: see `features`.
            precision: see `features`.

        Examples:
            >>> encoder.pool(image, "mean", resize=(64, 64)).shape
            (48,)

        """
        source = _source(images, self.config.channels)
        if isinstance(source, Dataset):
            return self._of_dataset(
                source, resize, layer=layer, part=part, norm=norm, projector=projector, stride=stride,
                precision=precision, pooling=pooling, pooling_k=k,
            )  # fmt: skip
        pixels, is_single = _arrays.batch(source)
        pixels = self._resized(pixels, resize, stride)
        tokens = self._tokens(pixels, layer, part, norm, projector, stride, False, precision)
        pooled = np.empty((len(tokens), len(pixels), tokens.shape[3]), np.float32)
        for of_layer, place in zip(tokens, pooled, strict=True):
            _native.pool(of_layer, self.has_class_token, pooling, k, place)
            if norm and part == "tokens" and pooling == "mean":
                _native.encoder_norm_pooled(self._handle, place)
        return _unlisted(pooled[:, 0] if is_single else pooled, layer)

    def attention(
        self,
        images: PathLike | ArrayLike,
        *,
        layer: int = -1,
        queries: int | Sequence[int] | None = None,
        resize: Resize = None,
        stride: int | None = None,
        extend_positions: bool = False,
        precision: Precision = "float32",
    ) -> FloatArray:
        """The weights by which the attention of a block mixes tokens: what each token looks at.

        Args:
            images: as in `features`, or the path of one image.
            layer: which block's: 1 … depth, or counted from the end, −1 the last.
            queries: the numbers of the tokens whose rows are wanted, or one number; all if not given. The class token,
                where there is one, is 0, then come registers and patches: patch p is `leading_tokens` + p. Rows that
                are not wanted cost neither time nor memory.
            resize: see `features`.
            stride: see `features`.
            extend_positions: see `features`.
            precision: see `features`.

        Returns:
            [B, heads, N, N] float32, N being all tokens: `leading_tokens` and those of patches; rows (the last axis)
            have the sum 1. [B, heads, queries, N] for some rows, [B, heads, N] for one number. Without B for one image.

        Raises:
            ValueError: no such layer or token, and as `features`.
            TypeError: a data set; its images are taken one by one.
            MemoryError: there is not enough for the result: before anything is computed.

        Examples:
            >>> maps = encoder.attention(image, resize=(64, 64))
            >>> maps.shape, bool(np.allclose(maps.sum(-1), 1))
            ((3, 17, 17), True)

        """
        source = _source(images, self.config.channels)
        if isinstance(source, Dataset):
            raise TypeError("images: is a data set, wanted pixels or the path of one image: maps of many take too much")
        pixels, is_single = _arrays.batch(source)
        pixels = self._resized(pixels, resize, stride)
        tokens = self._grid(pixels.shape[1:3], stride)[3]
        rows = None if queries is None else np.atleast_1d(_arrays.integers(queries, "queries", np.int32))
        shape = (len(pixels), self.config.heads, tokens if rows is None else len(rows), tokens)
        weights = _arrays.empty(shape, "attention")
        _native.encoder_attention(
            self._handle, pixels, self._layer(layer), rows, extend_positions, _pixels(stride), precision, weights
        )
        weights = weights[:, :, 0] if isinstance(queries, int | np.integer) else weights
        return weights[0] if is_single else weights

    def each_features(
        self,
        images: Dataset | PathLike | Iterable[PathLike] | Iterable[ArrayLike],
        *,
        resize: Resize = "nearest",
        short_side: int | None = None,
        **options: Unpack[MapOptions],
    ) -> Iterator[FloatArray | None]:
        """Maps of features of images of different sizes, one image after the other, each at its own.

        Args:
            images: a data set, a folder or a packed file, paths of files, or images [H, W, channels], perhaps as a
                generator makes them.
            resize: "nearest": each is brought to the `nearest_size` that patches fill; None refuses others; a number or
                (height, width): the size of all.
            short_side: the pixels that the shorter side of each is brought to, the longer in proportion, both to the
                nearest that patches fill.
            options: `layer`, `part`, `norm`, `projector`, `stride`, `extend_positions` and `precision` as in
                `features`.

        Yields:
            [rows, columns, C] float32 for each image, [layers, rows, columns, C] for a list of layers; None for one
            that a data set skips because it cannot be read.

        Raises:
            ValueError: `short_side` with a `resize` of its own, and as `features`, the image named where it has a name.

        Examples:
            >>> [found.shape for found in encoder.each_features(photos[:2], short_side=64)]
            [(4, 5, 48), (4, 4, 48)]

        """
        if short_side is not None and resize != "nearest":
            raise ValueError(f"short_side: is {short_side}, resize {resize}; wanted one of the two")
        for name, image in each_image(images, self.config.channels):
            yield None if image is None else self._map(name, image, resize, short_side, options)

    def grid(
        self,
        images: Dataset | PathLike | ArrayLike | Sequence[int],
        *,
        resize: Resize = None,
        stride: int | None = None,
    ) -> tuple[int, int]:
        """Rows and columns of the patches of images, as `features` computes them for the same arguments.

        Args:
            images: as in `features`; or a shape, (B, H, W, channels), (H, W, channels) or (H, W).
            resize: see `features`.
            stride: see `features`.

        Raises:
            ValueError: what `features` would refuse: a size that patches do not fill, other channels.

        Examples:
            >>> encoder.grid(photos[0], resize="nearest")
            (22, 29)

        """
        size = self._size(images)
        rows, columns, *_ = self._grid(
            self._common_size(resize) if size is None else self._computed(size, resize, stride), stride
        )
        return rows, columns

    def nearest_size(
        self, height: int, width: int, *, stride: int | None = None, short_side: int | None = None
    ) -> tuple[int, int]:
        """The nearest height and width, in pixels, that patches fill; of two equally near the larger.

        Args:
            height: at least 1.
            width: at least 1.
            stride: of patches, as in `features`.
            short_side: the pixels that the shorter of the two is brought to first, the longer in proportion.

        Examples:
            >>> encoder.nearest_size(350, 460)
            (352, 464)

        """
        sides = (_arrays.whole(height, "height"), _arrays.whole(width, "width"))
        return _native.encoder_nearest_size(self._handle, *sides, _pixels(short_side, "short_side"), _pixels(stride))

    @property
    def leading_tokens(self) -> int:
        """Tokens in front of the patches in `attention`: the class token, where there is one, and registers.

        Examples:
            >>> encoder.leading_tokens
            1

        """
        return self._grid((self.config.patch_size, self.config.patch_size), None)[3] - 1

    def save(self, path: PathLike) -> None:
        """Write the encoder and its configuration (safetensors), complete or not at all.

        Raises:
            OSError: it cannot be written.
            ValueError: the name has the ending of another format, such as ".pth".

        Examples:
            >>> encoder.save("saved.safetensors")
            >>> lm.load_encoder("saved.safetensors").config == encoder.config
            True

        """
        _native.encoder_save(self._handle, _arrays.path(path))

    def export(self, folder: PathLike, *, format: Format = "timm", run: PathLike | None = None) -> list[str]:
        """Write the encoder for other libraries: a folder, complete or not at all, with a README.md that says what is
        known of it. `docs/export.md` has what each format can express. What adapters add to weights is taken in; the
        projector is left out.

        Args:
            folder: a new or an empty one.
            format: "timm": config.json and model.safetensors, which timm, transformers' `AutoModel` and `load_encoder`
                read; or "onnx": model.onnx for ONNX Runtime, OpenVINO and others (wants the extra `onnx`).
            run: the folder of the run that trained it: README.md tells its data, method and scores.

        Returns:
            The paths of the files.

        Raises:
            ExportError: the format cannot express the encoder; all reasons are given, and nothing is written.
            OSError: the folder holds files, or cannot be written.
            ValueError: no such format, or `run` is not the folder of this encoder's run.
            ImportError: onnx is missing.

        Examples:
            >>> import os
            >>> [os.path.basename(path) for path in encoder.export("for-timm", format="timm")]
            ['README.md', 'config.json', 'model.safetensors']

        """
        from latentmim.export import export

        return export(self, folder, format=format, run=run)

    def _grid(self, size: tuple[int, ...], stride: int | None) -> tuple[int, int, int, int]:
        """Rows, columns, tokens of features, tokens of attention."""
        height, width = size
        return _native.encoder_grid(self._handle, height, width, _pixels(stride))

    def _size(self, images: Any) -> tuple[int, int] | None:
        """The size of images in pixels; None for those of a data set, which may differ."""
        if _is_shape(images):
            if len(images) > 2 and images[-1] != self.config.channels:
                raise ValueError(f"images: shape is {list(images)}, wanted {self.config.channels} channels last")
            height, width = images if len(images) == 2 else images[-3:-1]
            return _arrays.whole(height, "height"), _arrays.whole(width, "width")
        source = _source(images, self.config.channels)
        if isinstance(source, Dataset):
            return None
        shape = _arrays.batch(source)[0].shape
        return self._size(shape)

    def _computed(self, size: tuple[int, int], resize: Resize, stride: int | None) -> tuple[int, int]:
        """The size at which images of a size are computed."""
        if resize is None:
            return size
        if not isinstance(resize, str):
            return _arrays.sides(resize, "resize")
        if resize == "auto":
            side = self.config.patch_size
            rows, columns = _native.working_grid(*size, side, 0)
            return rows * side, columns * side
        if resize != "nearest":
            raise ValueError(
                f"resize: is '{resize}', wanted 'nearest', 'auto', a number of pixels, (height, width) or None"
            )
        return self.nearest_size(*size, stride=stride)

    def _common_size(self, resize: Resize) -> tuple[int, int]:
        """The size to which the images of a data set are brought."""
        if isinstance(resize, str):
            raise ValueError(
                f"resize: is '{resize}', but the images of a data set become one size: wanted a number of pixels, "
                "(height, width), or None for the trained size; each_features takes each at its own"
            )
        return self.config.image_size if resize is None else _arrays.sides(resize, "resize")

    def _resized(self, pixels: NDArray[Any], resize: Resize, stride: int | None = None) -> NDArray[Any]:
        given: tuple[int, int] = pixels.shape[1:3]
        size = self._computed(given, resize, stride)
        return pixels if size == given else resize_images(pixels, size)

    def _of_dataset(self, data: Dataset, resize: Resize, **options: Any) -> FloatArray:
        """Features of the images of a data set, whole images brought to one size."""
        layers, is_list = self._layers(options["layer"])
        text = to_json(options | {"size": self._common_size(resize), "short_side": 0, "layer": layers})
        is_dense = options["pooling"] in ("patches", "tokens")
        count = len(layers) if is_list else None
        rows = _rows.features(self, data, data._indices(None), text, is_dense, layers=count)
        if count is None:
            return rows
        return np.ascontiguousarray(np.moveaxis(rows if is_dense else rows.reshape(len(rows), count, -1), 1, 0))

    def _tokens(
        self, pixels: NDArray[Any], layer: Layers, part: Part, norm: bool, projector: bool, stride: int | None,
        extend: bool, precision: Precision,
    ) -> FloatArray:  # fmt: skip
        """[layers, B, tokens, C], class token first."""
        layers = np.array(self._layers(layer)[0], np.int32)
        tokens = self._grid(pixels.shape[1:3], stride)[2]
        found = _arrays.empty((len(layers), len(pixels), tokens, self.config.width), "features")
        _native.encoder_features(
            self._handle, pixels, layers, part, norm, projector, extend, _pixels(stride), precision, found
        )
        return found

    def _map(
        self, name: str, image: NDArray[Any], resize: Resize, short_side: int | None, options: MapOptions
    ) -> FloatArray:
        """[rows, columns, C], or [layers, …]."""
        stride = options.get("stride")
        try:
            pixels, is_single = _arrays.batch(image)
            if not is_single:
                raise ValueError(f"shape is {list(pixels.shape)}, wanted one image [H, W, C]")
            height, width = pixels.shape[1:3]
            size = self.nearest_size(height, width, stride=stride, short_side=short_side) if short_side else resize
            pixels = self._resized(pixels, size, stride)
            found = self.features(pixels[0], **options)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return found.reshape(*found.shape[:-2], *self.grid(pixels, stride=stride), found.shape[-1])

    def _layers(self, layer: Layers) -> tuple[list[int], bool]:
        """Layers as the user names them, counted from the start, and whether they are a list."""
        if isinstance(layer, Sequence | np.ndarray):
            return [self._layer(number) for number in layer], True
        return [self._layer(layer)], False

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


def _is_shape(images: Any) -> bool:
    """Whether these are the sizes of images, not images."""
    return (
        isinstance(images, list | tuple)
        and 2 <= len(images) <= 4
        and all(isinstance(size, int | np.integer) for size in images)
    )


def _unlisted(features: FloatArray, layer: Layers) -> FloatArray:
    """[layers, …] as they are for a list of layers, without that axis for one."""
    return features if isinstance(layer, Sequence | np.ndarray) else features[0]


def _pixels(number: int | None, name: str = "stride") -> int:
    """A number of pixels as the core takes it, 0 for None."""
    if number is None:
        return 0
    found = _arrays.whole(number, name)
    if found < 1:
        raise ValueError(f"{name}: is {found}, wanted at least 1 pixel")
    return found


def require_encoder(encoder: object) -> None:
    """Refuse what is no encoder, a model above all. Raises TypeError.

    Examples:
        >>> from latentmim.encoder import require_encoder
        >>> require_encoder("encoder.safetensors")
        Traceback (most recent call last):
            ...
        TypeError: encoder: is a str, wanted `model.encoder` or `load_encoder(path)`

    """
    if not isinstance(encoder, Encoder):
        raise TypeError(f"encoder: is a {type(encoder).__name__}, wanted `model.encoder` or `load_encoder(path)`")
