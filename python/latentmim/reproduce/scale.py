"""A small scale: the sizes and the schedule that all rows of a study share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from latentmim.config import ModelConfig

if TYPE_CHECKING:
    from latentmim.reproduce.rows import Row

__all__ = ["LADDER", "Scale", "Size"]

# The paper's encoder and patches: ViT-B/16, decoders 512 wide.
PAPER_PATCH, PAPER_WIDTH, PAPER_DEPTH, PAPER_DECODER_WIDTH = 16, 768, 12, 512
# The projector's hidden width as a multiple of the encoder's: 4096 of 768 there, rounded.
PROJECTOR_RATIO = 4


@dataclass(frozen=True)
class Size:
    """An encoder, and how many images it must see in training before rows can be told apart.

    Examples:
        >>> from latentmim.reproduce.scale import LADDER
        >>> LADDER[0].name
        'tiny'

    """

    name: str
    width: int
    depth: int
    heads: int
    images: int


LADDER = (
    Size("tiny", 96, 4, 3, 100_000),
    Size("small", 192, 4, 3, 300_000),
    Size("medium", 192, 8, 3, 600_000),
    Size("large", 384, 12, 6, 6_000_000),
)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What is small, the same for every row. Everything else of a row is as in the paper.

    Attributes:
        size: the encoder's name in the ladder.
        width: of the encoder, C.
        depth: its blocks.
        heads: its attention heads.
        grid: rows and columns of patches.
        patch_size: side of a patch, P pixels.
        channels: of the images.
        epochs: passes over the training images.
        batch_size: images of a step.
        base_learning_rate: the peak rate is this · batch size / 256.
        preset: "official" or "paper", of the rows that name no other.

    """

    size: str
    width: int
    depth: int
    heads: int
    patch_size: int
    channels: int
    epochs: int
    batch_size: int
    base_learning_rate: float
    grid: int = 8
    preset: str = "official"

    def model_options(self, row: Row) -> dict[str, Any]:
        """The row's model at this scale.

        Raises:
            ValueError: the row cannot be had at this scale, such as a gap of half a pixel.

        """
        options = {
            "preset": self.preset,
            "grid": self.grid,
            "patch_size": self.patch_size,
            "channels": self.channels,
            "width": self.width,
            "depth": self.depth,
            "heads": self.heads,
            "decoder_width": PAPER_DECODER_WIDTH,
            "decoder_heads": 4,
            "projector_width": PROJECTOR_RATIO * self.width,
            **row.model,
        }
        options["decoder_width"] = options["decoder_width"] * self.width // PAPER_WIDTH
        for name in ("decoder_depth", "target_depth", "target_layers"):
            if name in options:
                options[name] = self.blocks(options[name])
        if "patch_gap" in options:
            options["patch_gap"] = self._gap(options["patch_gap"])
        if "mask_block" in options:
            options["num_visible"] = self._visible(options.pop("mask_ratio"), options["mask_block"])
        return options

    def training_options(self, row: Row, images: int) -> dict[str, Any]:
        """The row's training at this scale, on so many images."""
        epochs = max(1, round(self.epochs * row.longer))
        options: dict[str, Any] = {
            "epochs": epochs,
            "batch_size": self.batch_size,
            "base_learning_rate": self.base_learning_rate,
            "preset": row.model.get("preset", self.preset),
            **row.training,
        }
        if row.average is not None:
            momentum, published = row.average
            steps = epochs * (images // self.batch_size)
            options["target_momentum"] = momentum ** max(1.0, published / steps)
        return options

    def blocks(self, number: int) -> int:
        """So many of the paper's 12 blocks, at this depth; halves are rounded up, and one stays one."""
        scaled = (2 * number * self.depth + PAPER_DEPTH) // (2 * PAPER_DEPTH)
        return max(1, scaled) if number else 0

    def _gap(self, gap: int) -> int:
        pixels, rest = divmod(gap * self.patch_size, PAPER_PATCH)
        if rest:
            raise ValueError(
                f"patch_gap: {gap} of {PAPER_PATCH}-pixel patches is {gap * self.patch_size / PAPER_PATCH:g} pixels of "
                f"{self.patch_size}-pixel ones, wanted a whole number (--patch-size {PAPER_PATCH // 2})"
            )
        return pixels

    def _visible(self, ratio: float, block: int) -> int:
        """Patches left when squares of `block` patches a side are masked, whole ones."""
        if self.grid % block:
            raise ValueError(f"mask_block: is {block}, which does not divide a grid of {self.grid}")
        squares = (self.grid // block) ** 2
        return (squares - round(ratio * squares)) * block**2

    def describe(self, images: int) -> str:
        """In words, with what was scaled."""
        config = ModelConfig.resolve(grid=self.grid, patch_size=self.patch_size)
        side = config.image_size[0]
        return (
            f"Encoder '{self.size}': {self.width} wide, {self.depth} blocks, {self.heads} heads; "
            f"{self.grid}×{self.grid} patches of {self.patch_size} pixels ({side}×{side}); {self.epochs} epochs of "
            f"{images:,} images in batches of {self.batch_size}; base learning rate {self.base_learning_rate:g}; "
            f"preset '{self.preset}'. Sizes keep the paper's proportions: gaps × {self.patch_size}/{PAPER_PATCH}, "
            f"depths of decoders and targets × {self.depth}/{PAPER_DEPTH} (3 → {self.blocks(3)}, 8 → "
            f"{self.blocks(8)}), decoder widths × {self.width}/{PAPER_WIDTH}; the projector is "
            f"{PROJECTOR_RATIO}·{self.width} wide. Row names keep the paper's numbers."
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything by name."""
        return asdict(self)
