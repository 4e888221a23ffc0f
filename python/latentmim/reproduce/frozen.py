"""Table 12's middle group, "MIM using frozen pretrained target", for small sets: what a published encoder is good for.

The paper's rows of that group, BEiT and PeCo, predict discrete tokens of image tokenizers; here latents of an encoder
that others trained are predicted, so that none of their figures stands beside these rows.
"""

from __future__ import annotations

from typing import Any

from latentmim.reproduce.rows import Experiment, Row, Scores
from latentmim.reproduce.tables import BEST

__all__ = ["TABLE12"]

# A teacher's latents pass no projector; predictions do.
FIXED: dict[str, Any] = {**BEST, "projector": "online"}
# What a published encoder bears: adapters, at a rate of their own, and the patches it was trained with, without gaps.
ADAPTED: dict[str, Any] = {**BEST, "patch_gap": 0, "lora_rank": 8}

TABLE12 = Experiment(
    name="table12",
    title="Table 12: frozen pretrained targets",
    rows=(
        Row(key="latent-mim", name="Latent MIM, from scratch", paper=Scores(nn=50.1, linear=72.0, fine_tuned=83.0),
            model=BEST),
        Row(key="random-projection", name="a random projection of pixels as target",
            model={**FIXED, "target_encoder": "random_projection"}),
        Row(key="taught", name="the teacher's latents as target", model=FIXED, teacher="target"),
        Row(key="adapted", name="begun as the teacher: adapters of rank 8, a sixteenth of the epochs", teacher="start",
            model=ADAPTED, training={"base_learning_rate": 1e-4}, longer=1 / 16),
        Row(key="teacher", name="the teacher itself", teacher="start", model=ADAPTED, longer=0),
    ),
    remark="The paper's group “MIM using frozen pretrained target” is BEiT (linear 56.7, fine-tuned 82.9) and PeCo "
    "(fine-tuned 84.5) on ImageNet-1k, whose targets are discrete tokens; no row here is either. The last two rows are "
    "of the teacher's own size, on the same grid of its own patches; loss, similarity and rank of a row that is not "
    "trained are those of a first batch.",
)  # fmt: skip
