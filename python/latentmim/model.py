"""The model: weights, loss, gradients, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np

from latentmim import _arrays, _pickling
from latentmim import _latentmim as _native
from latentmim.config import ModelConfig, ModelOptions, Precision, Preset, TargetPrecision, TrainingConfig, to_json
from latentmim.encoder import Encoder
from latentmim.loading import load_encoder
from latentmim.names import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.masking import Views

__all__ = ["AdamW", "LatentMIM"]


class LatentMIM:
    """A Latent MIM model: online encoder, target encoder, decoder.

    Args:
        size: a named encoder, "vit_tiny", "vit_small", "vit_base" (the default), "vit_large", "vit_huge".
        preset: "official" (the default), the authors' code with their published command; "paper", the text taken
            literally; or a method it is compared with: "mae", "simmim", "maskfeat", "data2vec", "conmim", "ijepa".
        seed: of the fresh weights, 0 … 2⁶⁴ − 1.
        init: the encoder that online and target encoder begin as: an `Encoder`, or whatever `load_encoder` reads: a
            file, a run's folder, arrays. Its sizes need not be given again. From this project's come all other options,
            too, unless a preset is named. Other projects' bring no projector and no decoder; their positions become
            learned ones, interpolated to `grid`, their registers stay, LayerScale is multiplied into weights.
        teacher: the encoder whose latents are predicted (`target_encoder="frozen"`), given like `init`; its width and
            patch size are its own, its weights must not change.
        options: anything else, by name: `ModelConfig` lists and explains them.

    A model pickles and copies: its options, the weights of online and target encoder, projector and decoder, and its
    teacher, bit by bit; not the gradients collected, nor anything of a trainer or optimiser (`Trainer.save` writes
    that). `copy.copy` shares the weights, `copy.deepcopy` has its own.

    Raises:
        ValueError: an unknown option, a value out of its range, options that do not go together or are not what `init`
            has; an `init` with parts that are not trained here, such as relative position bias.
        OSError: a file cannot be read.

    Examples:
        >>> import latentmim as lm
        >>> model = lm.LatentMIM(width=96, depth=4, heads=4, grid=(6, 5), patch_gap=4, projector_width=256)
        >>> model.config.crop_size
        (120, 100)

    """

    def __init__(
        self,
        size: str | None = None,
        *,
        preset: Preset | None = None,
        seed: int = 0,
        init: Encoder | PathLike | Mapping[str, Any] | None = None,
        teacher: Encoder | PathLike | Mapping[str, Any] | None = None,
        **options: Unpack[ModelOptions],
    ) -> None:
        refuse_unknown("LatentMIM", options, [*ModelOptions.__annotations__, "init", "teacher"])
        given = ModelConfig._given(dict(options), size=size, preset=preset)
        self._teacher = _encoder(teacher)
        start = _encoder(init)
        self._handle = _native.model_begin(given, _handle(start), _handle(self._teacher), seed)

    @classmethod
    def from_config(cls, config: ModelConfig, *, seed: int = 0) -> Self:
        """A model with fresh weights from a configuration.

        Examples:
            >>> lm.LatentMIM.from_config(model.config, seed=3).config == model.config
            True

        """
        model = cls.__new__(cls)
        model._teacher = None
        model._handle = _native.model_create(config.to_json(), seed)
        return model

    @classmethod
    def load(
        cls,
        path: PathLike,
        *,
        teacher: Encoder | PathLike | Mapping[str, Any] | None = None,
        **options: Unpack[ModelOptions],
    ) -> Self:
        """A model from a file: this project's checkpoints and weights (safetensors), or the authors' `.pth`.

        Warns of what was noticed and put right, such as position tables that differ from the computed ones.

        Args:
            path: of the file, or of a run's folder, whose last checkpoint it is then.
            teacher: of a model with frozen targets, which files do not hold; to train on, it must be given again.
            options: for weights without a configuration (the authors' are), what shapes do not tell: all but sizes is
                taken from the published model.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged, something else, an encoder alone, or lacks tensors; the first are named. Another
                teacher than it had.

        Examples:
            >>> model.save("model.safetensors")
            >>> lm.LatentMIM.load("model.safetensors").config == model.config
            True

        """
        refuse_unknown("LatentMIM.load", options, ModelOptions.__annotations__)
        path = _arrays.path(path)
        model = cls.__new__(cls)
        if _arrays.is_pytorch(path):
            from latentmim import pth

            arrays = pth.weights(path)
            model._handle, remarks = _native.model_from_arrays(arrays, _arrays.shown(path), _options(options))
        else:
            model._handle, remarks = _native.model_load(path, _options(options))
        _arrays.pass_on(remarks)
        model._set_teacher(_encoder(teacher))
        return model

    _handle: Any
    _teacher: Encoder | None

    def _set_teacher(self, teacher: Encoder | None) -> None:
        self._teacher = teacher
        if teacher is not None:
            _native.model_set_teacher(self._handle, teacher._handle)

    def __getstate__(self) -> dict[str, Any]:
        rest = {name: value for name, value in vars(self).items() if name != "_handle"}
        return rest | {"weights": _pickling.bytes_of(_native.model_save, self._handle)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        rest = dict(state)
        self._handle = _pickling.from_bytes(_native.model_load, rest.pop("weights"))
        vars(self).update(rest)
        self._set_teacher(self._teacher)

    def __copy__(self) -> Self:
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    @property
    def config(self) -> ModelConfig:
        """All options with their values.

        Examples:
            >>> model.config.width
            48

        """
        return ModelConfig.from_json(_native.model_configuration(self._handle))

    @property
    def chance_loss(self) -> float:
        """The loss of predictions that know nothing of an image's patches: 2τ·ln T for patch discrimination; nan where
        it depends on the targets.

        Examples:
            >>> model.chance_loss > model.floor_loss
            True

        """
        return _native.model_loss_bounds(self._handle)[0]

    @property
    def floor_loss(self) -> float:
        """The loss of perfect predictions of perfectly spread targets.

        Examples:
            >>> model.floor_loss > 0
            True

        """
        return _native.model_loss_bounds(self._handle)[1]

    @property
    def encoder(self) -> Encoder:
        """The online encoder, sharing this model's weights: it changes as training goes on.

        Examples:
            >>> model.encoder
            Encoder(48 wide, 2 deep, 3 heads; patches of 16×16×3, trained on 4×4)

        """
        return Encoder._of_model(self._handle)

    def parameters(self) -> dict[str, FloatArray]:
        """Copies of all weights, the target encoder's included, float32 by published name.

        Examples:
            >>> model.parameters()["encoder.blocks.0.attn.qkv.weight"].shape
            (144, 48)

        """
        return self._read(_native.model_read_parameter, trained_only=False)

    def gradients(self) -> dict[str, FloatArray]:
        """Copies of the gradients collected since the last `zero_gradients` or optimiser step, for all trained
        weights.

        Examples:
            >>> views = lm.masking.sample(model.config, batch=4)
            >>> _ = model.loss(photos.crops(model.config, range(4)), views)
            >>> model.gradients()["encoder.blocks.0.attn.qkv.weight"].shape
            (144, 48)

        """
        return self._read(_native.model_read_gradient, trained_only=True)

    @property
    def _parameters(self) -> list[tuple[str, tuple[int, ...], bool]]:
        """(name, shape, whether it is trained) of each parameter."""
        count = _native.model_parameter_count(self._handle)
        return [_native.model_parameter(self._handle, index) for index in range(count)]

    def _read(self, read: Any, *, trained_only: bool) -> dict[str, FloatArray]:
        arrays = {}
        for index, (name, shape, trained) in enumerate(self._parameters):
            if trained or not trained_only:
                arrays[name] = np.empty(shape, np.float32)
                read(self._handle, index, arrays[name])
        return arrays

    def load_parameters(self, parameters: Mapping[str, ArrayLike]) -> None:
        """Take over weights: all of them, under the names that `parameters` gives.

        Raises:
            ValueError: names are missing or unknown, or shapes differ; all are listed, and nothing has changed.

        Examples:
            >>> weights = model.parameters()
            >>> lm.LatentMIM.from_config(model.config, seed=1).load_parameters(weights)

        """
        arrays = {name: _arrays.floats(value, name) for name, value in parameters.items()}
        _arrays.pass_on(_native.model_set_parameters(self._handle, arrays, "parameters"))

    def zero_gradients(self) -> None:
        """Forget the gradients collected.

        Examples:
            >>> model.zero_gradients()
            >>> float(abs(model.gradients()["encoder.norm.bias"]).max())
            0.0

        """
        _native.model_clear_gradients(self._handle)

    def loss(
        self,
        images: ArrayLike,
        views: Views,
        *,
        gamma: float | None = None,
        target_images: ArrayLike | None = None,
        second_images: ArrayLike | None = None,
        second_views: Views | None = None,
        seed: int = 0,
        precision: Precision = "float32",
        target_precision: TargetPrecision | None = None,
    ) -> tuple[float, dict[str, float]]:
        """The loss of a batch. Its gradients are added to those collected.

        Args:
            images: [B, crop height, crop width, channels] float, normalised, as `dataset.crops` gives them.
            views: for B images, as `latentmim.masking.sample` gives them.
            gamma: γ of the similarity constraint; the published start if not given.
            target_images: the same crops as the target encoder sees them, for models with target_view="recolored".
            second_images: other crops of the same images, for models with a contrast_coefficient.
            second_views: views for those.
            seed: of what `dropout` and `drop_path` leave out, where the model has them.
            precision: what the operands of products are rounded to: "float32", "bf16" (needs a processor with
                AVX512-BF16), "int8" (AVX2) or "auto", bf16 where there is.
            target_precision: the same, of targets that an encoder computes without gradient; `precision` if not given.

        Returns:
            The loss, and what is measured beside it: the objective's share of it (`objective_loss`), mean cosines
            between the patches of an image (`similarity_predictions`, `similarity_visible`, `similarity_targets`),
            between images (`similarity_images`, 1 is collapse) and the `effective_rank` of the images' mean tokens.

        Raises:
            ValueError: shapes, cells or offsets that do not fit; numbers in `images` that are not finite; a precision
                that this machine does not have; a `target_precision` where targets are no encoder's, or get a gradient.
            FloatingPointError: the loss is not finite.

        Examples:
            >>> views = lm.masking.sample(model.config, batch=4)
            >>> loss, metrics = model.loss(photos.crops(model.config, range(4)), views, gamma=0.5)
            >>> loss == metrics["loss"]
            True

        """
        if (second_images is None) != (second_views is None):
            raise ValueError("loss: second_images and second_views go together, one of them is missing")
        gamma = TrainingConfig.resolve().similarity_start if gamma is None else gamma
        targets = None if target_images is None else _arrays.floats(target_images, "target_images (normalised crops)")
        seconds = None if second_images is None else _arrays.floats(second_images, "second_images (normalised crops)")
        metrics = _native.model_loss(
            self._handle, _arrays.floats(images, "images (normalised crops)"), views._parts, targets, seconds,
            None if second_views is None else second_views._parts, gamma, seed, precision, target_precision,
        )  # fmt: skip
        return metrics["loss"], metrics

    def update_target(self, momentum: float) -> None:
        """Move the target encoder: target ← momentum · target + (1 − momentum) · online.

        Examples:
            >>> model.update_target(0.996)

        """
        _native.model_update_target(self._handle, momentum)

    def save(self, path: PathLike) -> None:
        """Write weights and configuration (safetensors). The file is complete or not there at all.

        Raises:
            OSError: it cannot be written.
            ValueError: the name has the ending of another format, such as ".pth".

        Examples:
            >>> model.save("model.safetensors")

        """
        _native.model_save(self._handle, _arrays.path(path))

    def __repr__(self) -> str:
        config = self.config
        shapes = [shape for _, shape, trained in self._parameters if trained]
        millions = sum(int(np.prod(shape)) for shape in shapes) / 1e6
        rows, columns = config.training_grid
        visible = "a drawn number" if config.num_visible is None else config.num_visible
        return (
            f"LatentMIM({config.width} wide, {config.depth} deep, {config.heads} heads; {visible} of {rows}×{columns} "
            f"patches visible; {millions:.1f} M trained parameters)"
        )


class AdamW:
    """AdamW over a model's trained weights, for loops of one's own; `Trainer` has it built in.

    Args:
        model: whose weights it moves.
        betas: decay of the two moments, each 0 … 1, 1 excluded.
        eps: added to the root of the second moment.
        weight_decay: on matrices and tokens; not on biases, norms and embeddings.

    Examples:
        >>> optimizer = lm.AdamW(model)
        >>> views = lm.masking.sample(model.config, batch=4)
        >>> _ = model.loss(photos.crops(model.config, range(4)), views)
        >>> optimizer.step(1e-3)
        >>> model.update_target(0.996)

    """

    def __init__(
        self,
        model: LatentMIM,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.05,
    ) -> None:
        self._handle = _native.adamw_create(model._handle, *betas, eps, weight_decay)

    def __getstate__(self) -> None:
        _pickling.refuse_pickling("AdamW", "pickle the model, and make an optimiser for it")

    def step(self, lr: float) -> None:
        """One step along the gradients collected, which are forgotten then.

        Examples:
            >>> name = "encoder.blocks.0.attn.qkv.weight"
            >>> before = model.parameters()[name]
            >>> _ = model.loss(photos.crops(model.config, range(4)), lm.masking.sample(model.config, batch=4))
            >>> lm.AdamW(model).step(1e-3)
            >>> round(float(np.abs(model.parameters()[name] - before).max()), 4)
            0.001

        """
        _native.adamw_step(self._handle, lr)


def _options(options: ModelOptions) -> str:
    return to_json(dict(options))


def _encoder(source: Encoder | PathLike | Mapping[str, Any] | None) -> Encoder | None:
    return source if source is None or isinstance(source, Encoder) else load_encoder(source)


def _handle(encoder: Encoder | None) -> Any:
    return None if encoder is None else encoder._handle
