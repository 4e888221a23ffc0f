"""Every option of a model and of its training, typed. Defaults and ranges are the core's; here are only names."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypedDict

from latentmim import _latentmim as _native

__all__ = ["ModelConfig", "ModelOptions", "TrainingConfig", "TrainingOptions"]

Preset = Literal["official", "paper"]
Precision = Literal["auto", "float32", "bf16"]


class ModelOptions(TypedDict, total=False):
    """The options of a model, all optional: `ModelConfig` says what each is."""

    grid: int | tuple[int, int]
    patch_size: int
    patch_gap: int
    channels: int
    num_visible: int
    mask_ratio: float
    width: int
    depth: int
    heads: int
    mlp_ratio: float
    decoder_width: int
    decoder_depth: int
    decoder_heads: int
    projector: Literal["both", "online", "none"]
    projector_width: int
    projector_depth: int
    gap_offset: Literal["exclusive", "inclusive"]
    positions: Literal["linspace", "index"]
    cue_scale: Literal["sqrt", "none"]
    standardize_predictions: bool
    temperature: float
    loss_scale: float
    similarity_coefficient: float
    similarity_form: Literal["batch", "image"]
    similarity_tokens: Literal["projected", "unprojected"]
    mean: tuple[float, ...]
    std: tuple[float, ...]


class TrainingOptions(TypedDict, total=False):
    """The options of a training run, all optional: `TrainingConfig` says what each is."""

    preset: Preset
    accumulation_steps: int
    base_learning_rate: float
    final_learning_rate: float
    warmup_epochs: float
    weight_decay: float
    beta1: float
    beta2: float
    epsilon: float
    target_momentum: float
    similarity_start: float
    similarity_end: float
    crop_area: tuple[float, float]
    crop_ratio: tuple[float, float]
    flip: bool
    seed: int
    workers: int
    precision: Precision
    recompute: bool


def to_json(options: dict[str, Any]) -> str:
    """Options as the core reads them; None means not given."""

    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()  # NumPy's numbers and arrays
        raise TypeError(f"is a {type(value).__name__}, wanted a number, a text, a truth value or a tuple")

    def text(name: str, value: Any) -> str:
        try:
            return json.dumps(value, default=plain, allow_nan=False)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        except ValueError:
            raise ValueError(f"{name}: is {value}, wanted finite numbers") from None

    given = {name: value for name, value in options.items() if value is not None}
    return "{" + ", ".join(f"{json.dumps(name)}: {text(name, value)}" for name, value in given.items()) + "}"


class _Config:
    """What both configurations can do. Subclasses are frozen dataclasses whose fields are the core's option names."""

    @classmethod
    def _from_json(cls, text: str) -> Any:
        values = json.loads(text)
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})

    def to_json(self) -> str:
        """All options as one line of JSON, readable by `from_json` and by every other face of the library."""
        return to_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """All options by name."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def __str__(self) -> str:
        names = [field.name for field in fields(self)]  # type: ignore[arg-type]
        width = max(map(len, names))
        return "\n".join(f"{name:{width}}  {getattr(self, name)}" for name in names)


@dataclass(frozen=True, kw_only=True)
class ModelConfig(_Config):
    """Everything that makes a model, but its weights. Made by `ModelConfig.resolve`, and found as `model.config`.

    Attributes:
        grid: rows and columns of patches.
        patch_size: side of a patch, P pixels.
        patch_gap: G pixels by which the patches of training crops lie apart; each is shifted at random within its gap.
        channels: numbers per pixel.
        num_visible: V, the patches the online encoder sees; the others are predicted. By default a tenth of the grid;
            the option `mask_ratio` gives it as the share of patches that are predicted.
        width: of the encoder, C.
        depth: blocks of the encoder.
        heads: attention heads of the encoder; they divide the width.
        mlp_ratio: hidden width of its MLPs as a multiple of C.
        decoder_width: D.
        decoder_depth: blocks of the decoder.
        decoder_heads: attention heads of the decoder.
        projector: "both" encoders have one, the "online" one alone, or "none".
        projector_width: hidden width of the projector.
        projector_depth: linear layers of the projector.
        gap_offset: shifts are "exclusive", 0 … G − 1 pixels, or "inclusive", 0 … G.
        positions: coordinates of the sin-cos positions: "linspace" (0 … rows in rows steps) or "index" (0, 1, …).
        cue_scale: visual cues' logits are divided by √D ("sqrt") or not ("none").
        standardize_predictions: whether predictions are standardised over an image's patches before the loss.
        temperature: τ of patch discrimination.
        loss_scale: the loss is this times τ times the cross-entropy.
        similarity_coefficient: weight of the similarity constraint; 0 turns it off.
        similarity_form: the deviation from γ is squared for the mean over the "batch", or for each "image".
        similarity_tokens: the constraint holds "projected" or "unprojected" visible tokens.
        mean: what is subtracted from pixels in 0 … 1, one number a channel.
        std: what they are divided by then.
    """

    grid: tuple[int, int]
    patch_size: int
    patch_gap: int
    channels: int
    num_visible: int
    width: int
    depth: int
    heads: int
    mlp_ratio: float
    decoder_width: int
    decoder_depth: int
    decoder_heads: int
    projector: str
    projector_width: int
    projector_depth: int
    gap_offset: str
    positions: str
    cue_scale: str
    standardize_predictions: bool
    temperature: float
    loss_scale: float
    similarity_coefficient: float
    similarity_form: str
    similarity_tokens: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def resolve(cls, size: str | None = None, *, preset: Preset = "official", **options: Any) -> ModelConfig:
        """Check options and complete them.

        Args:
            size: a named encoder, "vit_tiny" … "vit_huge"; "vit_base" if not given.
            preset: what stands where nothing is given: "official", the authors' code with their published command, or
                "paper", the text taken literally.
            options: see `ModelOptions`.

        Raises:
            ValueError: an unknown name, a value out of its range, options that do not go together.

        """
        return cls.from_json(to_json({"size": size, "preset": preset, **options}))

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read options, perhaps incomplete, from JSON text. Raises ValueError as `resolve` does."""
        return cls._from_json(_native.model_options(text))  # type: ignore[no-any-return]

    def difference(self, preset: Preset = "official") -> dict[str, tuple[Any, Any]]:
        """Where this differs from the published model in a preset's reading: name → (value here, value there)."""
        pairs = json.loads(_native.model_options_difference(self.to_json(), preset))
        return {name: (here, there) for name, (here, there) in pairs.items()}

    @property
    def num_patches(self) -> int:
        """L, the grid's cells."""
        return self.grid[0] * self.grid[1]

    @property
    def num_target(self) -> int:
        """T, the patches that are predicted."""
        return self.num_patches - self.num_visible

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of training crops, gaps included, in pixels."""
        cell = self.patch_size + self.patch_gap
        return self.grid[0] * cell, self.grid[1] * cell

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images that inference sees by default, without gaps, in pixels."""
        return self.grid[0] * self.patch_size, self.grid[1] * self.patch_size


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(_Config):
    """How a model is trained. Made by `TrainingConfig.resolve`, and found as `trainer.config`.

    Attributes:
        epochs: passes over the data; the schedules span them.
        batch_size: images of one optimiser step.
        accumulation_steps: parts they are computed in, one after the other, to save memory; divides the batch size.
        base_learning_rate: the peak rate is this · batch size / 256.
        final_learning_rate: the last rate, and where warm-up begins, as a share of the peak.
        warmup_epochs: of linear warm-up; a tenth of all, 40 at most, unless given.
        weight_decay: of AdamW, on matrices and tokens.
        beta1: of AdamW.
        beta2: of AdamW.
        epsilon: of AdamW.
        target_momentum: m₀ of the target encoder's average; rises to 1.
        similarity_start: γ of the similarity constraint at the start.
        similarity_end: γ at the end.
        crop_area: smallest and largest share of an image's area that a random crop takes.
        crop_ratio: its least and largest width / height.
        flip: whether every second crop is mirrored.
        seed: of crops, order and views.
        workers: threads that decode images; 0: one for each core.
        precision: what the operands of products are rounded to: "float32", "bf16" (needs a processor with AVX512-BF16)
            or "auto", bf16 where there is. Weights, sums, softmax, norms and the loss are float32 in each.
        recompute: whether blocks are computed again for their gradient instead of keeping what is inside: less memory,
            more time, the same results.
    """

    epochs: int
    batch_size: int
    accumulation_steps: int
    base_learning_rate: float
    final_learning_rate: float
    warmup_epochs: float
    weight_decay: float
    beta1: float
    beta2: float
    epsilon: float
    target_momentum: float
    similarity_start: float
    similarity_end: float
    crop_area: tuple[float, float]
    crop_ratio: tuple[float, float]
    flip: bool
    seed: int
    workers: int
    precision: str
    recompute: bool

    @classmethod
    def resolve(cls, *, preset: Preset = "official", **options: Any) -> TrainingConfig:
        """Check options and complete them; see `TrainingOptions`. Raises ValueError as `ModelConfig.resolve` does."""
        return cls.from_json(to_json({"preset": preset, **options}))

    @classmethod
    def from_json(cls, text: str) -> TrainingConfig:
        """Read options, perhaps incomplete, from JSON text. Raises ValueError as `resolve` does."""
        return cls._from_json(_native.training_options(text))  # type: ignore[no-any-return]
