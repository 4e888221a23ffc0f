"""Fine-tuning: the encoder itself is trained, with a classifier on top."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Unpack

from latentmim import _latentmim as _native
from latentmim.config import to_json
from latentmim.data import as_dataset
from latentmim.distributed import Ranks
from latentmim.encoder import Encoder, require_encoder
from latentmim.evaluate.features import ImageOptions, feature_options
from latentmim.evaluate.results import Report, Result
from latentmim.evaluate.running import Bar, split

if TYPE_CHECKING:
    from latentmim.config import TuningPrecision
from latentmim.evaluate.running import Images

__all__ = ["FineTuned", "fine_tune"]


@dataclass(frozen=True, eq=False)
class FineTuned:
    """What fine-tuning gives: `print` shows the result's row of a table, `float` is its accuracy.

    Attributes:
        encoder: the trained encoder, without a projector.
        result: the score; `result.history` holds the accuracies on the way.

    Examples:
        >>> tuned = lm.evaluate.fine_tune(encoder, photos, held_out, epochs=1, progress=False)
        >>> tuned.accuracy == float(tuned) == tuned.result.accuracy
        True

    """

    encoder: Encoder
    result: Result = field(repr=False)

    @property
    def accuracy(self) -> float:
        """Top-1 behind the last epoch, 0 … 1."""
        return self.result.accuracy

    def _repr_markdown_(self) -> str:
        return self.result._repr_markdown_()

    def __str__(self) -> str:
        return str(self.result)

    def __float__(self) -> float:
        return self.accuracy


def fine_tune(
    encoder: Encoder,
    train: Images,
    test: Images,
    *,
    preset: Literal["in100", "in1k", "small"] | None = None,
    base_learning_rate: float | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    warmup_epochs: float | None = None,
    min_learning_rate: float | None = None,
    weight_decay: float | None = None,
    layer_decay: float | None = None,
    crop_area: float | None = None,
    drop_path: float | None = None,
    label_smoothing: float | None = None,
    mixup: float | None = None,
    cutmix: float | None = None,
    switch_probability: float | None = None,
    rand_augment: bool | None = None,
    erasing_probability: float | None = None,
    init_std: float | None = None,
    precision: TuningPrecision | None = None,
    recompute: bool | None = None,
    evaluate_every: int | None = None,
    seed: int | None = None,
    progress: bool = True,
    comm: Any = None,
    **features: Unpack[ImageOptions],
) -> FineTuned:
    """Fine-tuning (paper, Table 8c): a copy of the encoder and a linear classifier on its pooled tokens, by AdamW.

    Published recipes put images through a crop, a flip, RandAugment, mixup or cutmix. The encoder given stays as it is.

    Args:
        encoder: where training starts.
        train: the images it learns from, with labels.
        test: the images scored, with labels; classes of folders are found by name.
        preset: "in100" (base rate 1e-3, batches of 1024, 50 epochs, 5 of them warm-up) or "in1k" (5e-4, 1024, 100, 10),
            as published; "small" is milder, for small sets and encoders, which so much regularisation keeps from
            learning in the time there is: crops of half the area at least, no RandAugment, no mixing, batches of a
            sixteenth of the set (16 … 128), a peak rate of 1e-3, layer-wise decay .75, some 3000 steps in 10 … 100
            epochs. If not given, "in100" for training sets of 16384 images or more, else "small".
        base_learning_rate: the peak is this times batch/256; linear warm-up from 0, half a cosine down.
        batch_size: images in a batch; gradients of a large one are added up over parts.
        epochs: times that every image is seen; a last batch that is not full is left out.
        warmup_epochs: epochs of the warm-up; a tenth of `epochs` if only those are given.
        min_learning_rate: behind the last epoch; 1e-6 if not given.
        weight_decay: of all but biases, norms and the class token; 0.05 if not given.
        layer_decay: the rate of block i of d is multiplied by this to the power d + 1 − i; 1: one rate for all.
        crop_area: the least share of an image's area that a crop takes; .08 as published.
        drop_path: the share of images that go without the last block's branches; it grows linearly from 0. 0.1
            if not given.
        label_smoothing: the share of each label that is spread over all classes; 0.1 if not given.
        mixup: α of mixup; 0: without; .8 as published.
        cutmix: α of cutmix; 0: without; 1 as published.
        switch_probability: how often a batch is mixed by cutmix where there are both; 0.5 if not given.
        rand_augment: whether crops go through `rand-m9-mstd0.5-inc1`.
        erasing_probability: the share of images of which a part is replaced by noise; 0 if not given, .25 is usual.
        init_std: standard deviation of the classifier's first weights; 2e-5 if not given.
        precision: what the operands of products are rounded to: "float32", "bf16" or "auto" (if not given),
            bf16 where there is.
        recompute: less memory, a third more time.
        evaluate_every: epochs between two scores of the test set; a tenth of all if not given.
        seed: of everything random; 0 if not given.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks train together, each with some pairs of images of every batch, all by the same
            call: docs/scaling.md.
        features: framing and pooling of the images; by default the mean of the patch tokens.

    Raises:
        ValueError: no labels, one class, an option outside its range, a class that the training set lacks.
        FloatingPointError: the loss left the finite numbers.
        KeyboardInterrupt: Ctrl-C; nothing is kept.

    Examples:
        >>> tuned = lm.evaluate.fine_tune(encoder, photos, held_out, epochs=1, progress=False)
        >>> tuned.encoder
        Encoder(48 wide, 2 deep, 3 heads; patches of 16×16×3, trained on 4×4)

    """
    options = {
        "preset": preset, "base_learning_rate": base_learning_rate, "batch_size": batch_size, "epochs": epochs,
        "warmup_epochs": warmup_epochs, "min_learning_rate": min_learning_rate, "weight_decay": weight_decay,
        "layer_decay": layer_decay, "drop_path": drop_path, "label_smoothing": label_smoothing, "mixup": mixup,
        "cutmix": cutmix, "switch_probability": switch_probability, "rand_augment": rand_augment,
        "erasing_probability": erasing_probability,
        "init_std": init_std, "precision": precision, "recompute": recompute, "evaluate_every": evaluate_every,
        "seed": seed, "crop_area": crop_area,
    }  # fmt: skip
    ranks = Ranks(comm)
    with ranks.agreeing():
        require_encoder(encoder)
        options, framing = split("fine_tune", options | features)
        wanted = feature_options(encoder, **framing)
        sets = [as_dataset(data, encoder.config.channels) for data in (train, test)]
    learned, scored = (data._handle for data in sets)
    with ranks.encoding(encoder, *sets) as encoder, Bar(progress and ranks.is_root) as bar:
        handle, report = _native.fine_tune(encoder._handle, learned, scored, to_json(options), wanted, bar)
    return FineTuned(Encoder._from_handle(handle), Report._from_json(report).results[0])
