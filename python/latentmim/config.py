"""Every option of a model and of its training, typed. Defaults and ranges are the core's; here are only names."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypedDict, get_args

from latentmim import _arrays
from latentmim import _latentmim as _native

__all__ = ["ModelConfig", "ModelOptions", "TrainingConfig", "TrainingOptions"]

Preset = Literal["official", "paper", "mae", "simmim", "maskfeat", "data2vec", "conmim", "ijepa"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
Precision = Literal["auto", "float32", "bf16", "int8"]
# Of fine-tuning.
TuningPrecision = Literal["auto", "float32", "bf16"]
# Of targets in training.
TargetPrecision = Literal["float32", "bf16", "int8"]
Objective = Literal[
    "patch_discrimination", "normalized_mse", "mse", "l1", "huber", "huber_vector", "smooth_l1",
]  # fmt: skip


class ModelOptions(TypedDict, total=False):
    """The options of a model, all optional: `ModelConfig` says what each is.

    Examples:
        >>> options: lm.config.ModelOptions = {"grid": 6, "decoder": "self_attention"}
        >>> lm.ModelConfig.resolve(**options).decoder
        'self_attention'

    """

    grid: int | tuple[int, int]
    patch_size: int
    patch_gap: int
    channels: int
    crop_rule: Literal["grow", "fixed"]
    gap_offset: Literal["exclusive", "inclusive"]
    positions: Literal["linspace", "index"]
    learn_positions: bool
    num_visible: int
    mask_ratio: float
    mask: Literal["random", "block_wise", "multi_block"]
    mask_block: int
    masked_input: Literal["removed", "token"]
    width: int
    depth: int
    heads: int
    mlp_ratio: float
    class_token: bool
    registers: int
    norm_epsilon: float
    train_layers: int | Literal["all", "norms_and_biases"]
    lora_rank: int
    dropout: float
    drop_path: float
    projector: Literal["both", "online", "none"]
    projector_width: int
    projector_depth: int
    target_encoder: Literal["momentum", "siamese", "independent", "joint", "frozen", "random_projection"]
    target_depth: int | None
    low_level_target: Literal["pixels", "hog"]
    target_sees: Literal["target", "all"]
    target_layers: int
    target_norm: Literal["none", "layer"]
    target_view: Literal["same", "recolored"]
    teacher_width: int | None
    teacher_digest: str | None
    decoder: Literal["cross_attention", "self_attention", "linear"]
    decoder_width: int
    decoder_depth: int
    decoder_heads: int
    visual_cues: bool
    cue_scale: Literal["sqrt", "none"]
    objective: Objective
    huber_delta: float
    standardize_predictions: bool
    temperature: float
    loss_scale: float
    negatives: Literal["target", "all"]
    false_negative_threshold: float
    similarity_coefficient: float
    similarity_form: Literal["batch", "image"]
    similarity_tokens: Literal["projected", "unprojected"]
    contrast_coefficient: float
    contrast_temperature: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


class TrainingOptions(TypedDict, total=False):
    """The options of a training run, all optional: `TrainingConfig` says what each is.

    Examples:
        >>> options: lm.config.TrainingOptions = {"base_learning_rate": 1e-3}
        >>> lm.TrainingConfig.resolve(epochs=9, batch_size=8, **options).base_learning_rate
        0.001

    """

    preset: Preset
    accumulation_steps: int
    base_learning_rate: float
    final_learning_rate: float
    warmup_epochs: float
    weight_decay: float
    weight_decay_end: float
    beta1: float
    beta2: float
    epsilon: float
    target_momentum: float
    target_momentum_end: float
    momentum_schedule: Literal["cosine", "linear"]
    similarity_start: float
    similarity_end: float
    crop_area: tuple[float, float]
    crop_ratio: tuple[float, float]
    flip: bool
    fast_decode: bool
    seed: int
    workers: int
    precision: Precision
    target_precision: TargetPrecision
    collapse_similarity: float
    collapse_rank: float
    collapse_patience: int
    recompute: bool


def to_json(options: dict[str, Any], *, is_complete: bool = False) -> str:
    """Options as the core reads them; None means not given, unless they are complete."""

    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()  # NumPy's numbers and arrays
        raise TypeError(f"is a {type(value).__name__}, wanted a number, a text, a truth value or a tuple")

    def text(name: str, value: Any) -> str:
        _arrays.refuse_beyond_64_bits(value, name)
        try:
            return json.dumps(value, default=plain, allow_nan=False)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        except ValueError:
            raise ValueError(f"{name}: is {value}, wanted finite numbers") from None

    given = {name: value for name, value in options.items() if is_complete or value is not None}
    return "{" + ", ".join(f"{json.dumps(name)}: {text(name, value)}" for name, value in given.items()) + "}"


class _Config:
    """What both configurations can do. Subclasses are frozen dataclasses whose fields are the core's option names."""

    @classmethod
    def _from_json(cls, text: str) -> Any:
        values = json.loads(text)
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})

    @classmethod
    def _given(cls, options: dict[str, Any], **beside: Any) -> str:
        """Options as the core reads them: None means not given, but where all are there, as `to_dict` has them."""
        is_complete = options.keys() >= {field.name for field in fields(cls)}  # type: ignore[arg-type]
        named = {name: value for name, value in beside.items() if value is not None}
        return to_json(named | options, is_complete=is_complete)

    def to_json(self) -> str:
        """All options as one line of JSON, readable by `from_json` and by every other face of the library.

        Examples:
            >>> model.config.to_json()[:13]
            '{"grid": [4, '

        """
        return to_json(self.to_dict(), is_complete=True)

    def to_dict(self) -> dict[str, Any]:
        """All options by name; given again, they are the same configuration.

        Examples:
            >>> lm.ModelConfig.resolve(**model.config.to_dict()) == model.config
            True

        """
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
        crop_rule: what makes room for gaps: crops "grow" to g·(P + G) pixels a side, or stay "fixed" at g·P, and their
            grid shrinks to the cells that fit.
        gap_offset: shifts are "exclusive", 0 … G − 1 pixels, or "inclusive", 0 … G.
        positions: coordinates of the sin-cos positions: "linspace" (0 … rows in rows steps) or "index" (0, 1, …).
        learn_positions: whether they are only the start of tables that are trained.
        num_visible: V, the patches the online encoder sees; the others are predicted. By default a tenth of the grid;
            the option `mask_ratio` gives it as the share of patches that are predicted. None for "multi_block" masks,
            which draw it for each batch.
        mask: how patches are chosen: "random"; "block_wise", BEiT's rectangles; "multi_block", I-JEPA's four target
            blocks and one context block.
        mask_block: random masks are made of squares of so many patches a side.
        masked_input: masked patches are "removed" from the online encoder's input, or a learned "token" in it.
        width: of the encoder, C.
        depth: blocks of the encoder.
        heads: attention heads of the encoder; they divide the width.
        mlp_ratio: hidden width of its MLPs as a multiple of C.
        class_token: whether encoder and decoder have one.
        registers: tokens of the encoder that hold nothing of the image (DINOv2's); the decoder does not see them.
        norm_epsilon: ε of the encoder's layer norms.
        train_layers: what of the encoder is trained: "all", the last N blocks and the final norm, or
            "norms_and_biases" alone. Projector and decoder always are.
        lora_rank: rank of what is trained in place of the encoder's weights, added to those of its blocks (LoRA); 0:
            the weights themselves. Saved encoders have it added.
        dropout: share of elements that training drops behind attention, MLP and GELU of the online branch.
        drop_path: share of images for which it drops a residual branch.
        projector: "both" encoders have one, the "online" one alone, or "none".
        projector_width: hidden width of the projector.
        projector_depth: linear layers of the projector.
        target_encoder: whose latents are predicted (Table 1): those of a "momentum" average of the online encoder, of
            itself without gradient ("siamese") or with ("joint"), of an "independent" one that is trained, too, or of a
            "frozen" one, the `teacher` of `LatentMIM`, which sees whole crops, each cell as one of its patches; or a
            "random_projection" of pixels.
        target_depth: its first blocks that are used; None: all. 0: no latents, but what `low_level_target` says.
        low_level_target: "pixels", or "hog", histograms of oriented gradients.
        target_sees: the target encoder sees "target" patches alone, or "all" of the crop.
        target_layers: 0: targets are the encoder's output; K: the mean of its last K blocks' normed outputs.
        target_norm: "layer": targets are normed, token by token.
        target_view: the target encoder sees the "same" crop, or it "recolored".
        teacher_width: of a frozen target encoder; set from it.
        teacher_digest: of its weights; set from it. A run goes on with no other.
        decoder: "cross_attention", "self_attention" (MAE's), or one "linear" layer on mask tokens' outputs.
        decoder_width: D.
        decoder_depth: blocks of the decoder.
        decoder_heads: attention heads of the decoder.
        visual_cues: whether cross-attention's queries start as blends of visible tokens nearby.
        cue_scale: visual cues' logits are divided by √D ("sqrt") or not ("none").
        objective: what predictions are held against targets with (Table 2): "patch_discrimination", "normalized_mse"
            (to targets standardised patch by patch), "mse", "l1", "huber" (number by number), "huber_vector" (eq. 6 as
            printed), "smooth_l1" (Huber's divided by δ).
        huber_delta: δ of the Huber losses.
        standardize_predictions: whether predictions are standardised over an image's patches before they are told
            apart.
        temperature: τ of patch discrimination.
        loss_scale: the loss is this times τ times the cross-entropy.
        negatives: what a prediction is told apart from: the other "target" patches of its image, or "all" patches.
        false_negative_threshold: patches whose targets' cosine is above this are not each other's negatives; 1: all
            are.
        similarity_coefficient: weight of the similarity constraint; 0 turns it off.
        similarity_form: the deviation from γ is squared for the mean over the "batch", or for each "image".
        similarity_tokens: the constraint holds "projected" or "unprojected" visible tokens.
        contrast_coefficient: weight of MoCo v3's loss between two crops of each image; 0 turns it off.
        contrast_temperature: its τ.
        mean: what is subtracted from pixels in 0 … 1, one number a channel.
        std: what they are divided by then.

    Examples:
        >>> model.config.grid, model.config.num_patches, model.config.crop_size
        ((4, 4), 16, (80, 80))
        >>> model.config.num_visible, model.config.num_target, model.config.cell, model.config.image_size
        (4, 12, 20, (64, 64))
        >>> lm.ModelConfig.resolve(crop_rule="fixed").training_grid
        (11, 11)

    """

    grid: tuple[int, int]
    patch_size: int
    patch_gap: int
    channels: int
    crop_rule: str
    gap_offset: str
    positions: str
    learn_positions: bool
    num_visible: int | None
    mask: str
    mask_block: int
    masked_input: str
    width: int
    depth: int
    heads: int
    mlp_ratio: float
    class_token: bool
    registers: int
    norm_epsilon: float
    train_layers: int | str
    lora_rank: int
    dropout: float
    drop_path: float
    projector: str
    projector_width: int
    projector_depth: int
    target_encoder: str
    target_depth: int | None
    low_level_target: str
    target_sees: str
    target_layers: int
    target_norm: str
    target_view: str
    teacher_width: int | None
    teacher_digest: str | None
    decoder: str
    decoder_width: int
    decoder_depth: int
    decoder_heads: int
    visual_cues: bool
    cue_scale: str
    objective: str
    huber_delta: float
    standardize_predictions: bool
    temperature: float
    loss_scale: float
    negatives: str
    false_negative_threshold: float
    similarity_coefficient: float
    similarity_form: str
    similarity_tokens: str
    contrast_coefficient: float
    contrast_temperature: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def resolve(cls, size: str | None = None, *, preset: Preset = "official", **options: Any) -> ModelConfig:
        """Check options and complete them.

        Args:
            size: a named encoder, "vit_tiny" … "vit_huge"; "vit_base" if not given.
            preset: what stands where nothing is given: "official", the authors' code with their published command;
                "paper", the text taken literally; or a method it is compared with: "mae", "simmim", "maskfeat",
                "data2vec", "conmim", "ijepa".
            options: see `ModelOptions`.

        Raises:
            ValueError: an unknown name, a value out of its range, options that do not go together.

        Examples:
            >>> lm.ModelConfig.resolve("vit_tiny", grid=6, mask_ratio=0.75).num_visible
            9

        """
        return cls.from_json(cls._given(options, size=size, preset=preset))

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read options, perhaps incomplete, from JSON text. Raises ValueError as `resolve` does.

        Examples:
            >>> lm.ModelConfig.from_json(model.config.to_json()) == model.config
            True

        """
        return cls._from_json(_native.model_options(text))  # type: ignore[no-any-return]

    def difference(self, preset: Preset = "official") -> dict[str, tuple[Any, Any]]:
        """Where this differs from the published model in a preset's reading: name → (value here, value there).

        Examples:
            >>> lm.ModelConfig.resolve("vit_small", patch_gap=2).difference()["patch_gap"]
            (2, 4)

        """
        pairs = json.loads(_native.model_options_difference(self.to_json(), preset))
        return {name: (here, there) for name, (here, there) in pairs.items()}

    @functools.cached_property
    def _sizes(self) -> dict[str, Any]:
        """What follows from the options, as the core computes it."""
        return _native.model_sizes(self.to_json())

    @property
    def training_grid(self) -> tuple[int, int]:
        """The grid of training crops: `grid`, or what is left of it where crops stay fixed."""
        grid: tuple[int, int] = self._sizes["training_grid"]
        return grid

    @property
    def num_patches(self) -> int:
        """L, the cells of training crops."""
        return int(self._sizes["num_patches"])

    @property
    def num_target(self) -> int | None:
        """T, the patches that are predicted; None for "multi_block" masks, which draw it for each batch."""
        count: int | None = self._sizes["num_target"]
        return count

    @property
    def cell(self) -> int:
        """Side of a cell of training crops, a patch and its gap, in pixels."""
        return int(self._sizes["cell"])

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of training crops, gaps included, in pixels."""
        size: tuple[int, int] = self._sizes["crop_size"]
        return size

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images that inference sees by default, without gaps, in pixels."""
        size: tuple[int, int] = self._sizes["image_size"]
        return size


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(_Config):
    """How a model is trained. Made by `TrainingConfig.resolve`, and found as `trainer.config`.

    Attributes:
        epochs: passes over the data; the schedules span them.
        batch_size: images of one optimiser step.
        accumulation_steps: parts they are computed in, one after the other, to save memory; divides the batch size.
            Loss and gradient stay the whole batch's: where images mix (`similarity_form="batch"`, or a
            `contrast_coefficient`) that takes an extra forward pass, about a quarter more time.
        base_learning_rate: the peak rate is this · batch size / 256.
        final_learning_rate: the last rate, and where warm-up begins, as a share of the peak.
        warmup_epochs: of linear warm-up; a tenth of all, 40 at most, unless given.
        weight_decay: of AdamW, on matrices and tokens.
        weight_decay_end: what it goes to by a half cosine; None: it stays.
        beta1: of AdamW.
        beta2: of AdamW.
        epsilon: of AdamW.
        target_momentum: m₀ of the target encoder's average.
        target_momentum_end: what it goes to.
        momentum_schedule: how, by a half "cosine" or "linear".
        similarity_start: γ of the similarity constraint at the start.
        similarity_end: γ at the end.
        crop_area: smallest and largest share of an image's area that a random crop takes.
        crop_ratio: its least and largest width / height.
        flip: whether every second crop is mirrored.
        fast_decode: whether JPEG files are decoded at 1/2, 1/4 or 1/8 of their size where the crop is larger than the
            model's view: faster for large photographs, and not the same pixels (docs/images.md).
        seed: of crops, order and views.
        workers: threads that decode images; 0: one for each core.
        precision: what the operands of products are rounded to: "float32", "bf16" (needs a processor with AVX512-BF16),
            "auto", bf16 where there is, or "int8" (needs AVX2), for faster steps whose gradients are
            rougher: values and input gradients of the linear layers of projectors and blocks are eight bits, but for
            the MLP of an encoder's first block and the first layer of its second one's, the rest is bf16, or float32
            without the instructions for that (docs/performance.md). Weights, sums, softmax, norms and the loss are
            float32 in each. What int8 costs in scores has been measured of short runs alone.
        target_precision: the same, of targets that an encoder computes without gradient (`target_encoder` "momentum",
            "siamese" or "frozen"); None: `precision`. "int8" makes a step faster, and its gradients stay as exact as
            `precision` has them.
        collapse_similarity: the run stops when the similarity between images is above this; 1: never.
        collapse_rank: … or the effective rank of their mean tokens below this; 0: never. Images that look alike have
            the rank of the noise between them: where there is no `collapse_similarity`, one above 0.98 counts, too …
        collapse_patience: … for so many steps in a row.
        recompute: whether blocks are computed again for their gradient instead of keeping what is inside: less memory,
            more time, the same results.

    Examples:
        >>> lm.TrainingConfig.resolve(epochs=100, batch_size=128).base_learning_rate
        0.00015

    """

    epochs: int
    batch_size: int
    accumulation_steps: int
    base_learning_rate: float
    final_learning_rate: float
    warmup_epochs: float
    weight_decay: float
    weight_decay_end: float | None
    beta1: float
    beta2: float
    epsilon: float
    target_momentum: float
    target_momentum_end: float
    momentum_schedule: str
    similarity_start: float
    similarity_end: float
    crop_area: tuple[float, float]
    crop_ratio: tuple[float, float]
    flip: bool
    fast_decode: bool
    seed: int
    workers: int
    precision: str
    target_precision: str | None
    collapse_similarity: float
    collapse_rank: float
    collapse_patience: int
    recompute: bool

    @classmethod
    def resolve(cls, *, preset: Preset = "official", **options: Any) -> TrainingConfig:
        """Check options and complete them; see `TrainingOptions`. Raises ValueError as `ModelConfig.resolve` does.

        Examples:
            >>> lm.TrainingConfig.resolve(epochs=100, batch_size=128).warmup_epochs
            10.0

        """
        return cls.from_json(cls._given(options, preset=preset))

    @classmethod
    def from_json(cls, text: str) -> TrainingConfig:
        """Read options, perhaps incomplete, from JSON text. Raises ValueError as `resolve` does.

        Examples:
            >>> config = lm.TrainingConfig.resolve(epochs=100, batch_size=128)
            >>> lm.TrainingConfig.from_json(config.to_json()) == config
            True

        """
        return cls._from_json(_native.training_options(text))  # type: ignore[no-any-return]
