"""The configurations in which the library is compared with the reference: `BASICS` and `VARIANTS`."""

from typing import Any, NamedTuple

SIZES: dict[str, Any] = {
    "grid": (6, 5),
    "patch_size": 8,
    "channels": 3,
    "patch_gap": 4,
    "num_visible": 9,
    "width": 96,
    "depth": 4,
    "heads": 4,
    "decoder_width": 64,
    "decoder_depth": 2,
    "decoder_heads": 4,
    "projector_width": 160,
    "projector_depth": 3,
}
SMALL = SIZES | {"width": 48, "depth": 2, "heads": 3, "decoder_width": 32, "decoder_depth": 1, "projector_width": 56}
ODD = SMALL | {"grid": (3, 7), "patch_size": 5, "channels": 1, "num_visible": 4}

# a grid that squares of 2×2 patches divide
EVEN = SMALL | {"grid": (4, 6), "num_visible": 8, "depth": 1, "projector_depth": 2}
# of a baseline, which says itself what gap and decoder it has
BASELINE = {name: EVEN[name] for name in ("grid", "patch_size", "num_visible", "width", "depth", "heads")}
SHORT_DECODER = {"decoder_width": 32, "decoder_depth": 1, "decoder_heads": 4}
# four blocks and a context of ten patches find room in it; how many patches are seen is drawn
MULTI_BLOCK = {name: value for name, value in BASELINE.items() if name != "num_visible"} | {"grid": (8, 8)}

SELF_ATTENTION = EVEN | {"decoder": "self_attention"}
LINEAR = EVEN | {"decoder": "linear", "masked_input": "token"}
LOW_LEVEL = EVEN | {"target_depth": 0, "similarity_coefficient": 0.0}
SHALLOW = EVEN | {"depth": 2, "target_depth": 1}
DIRECT = EVEN | {"similarity_coefficient": 0.0}


class Case(NamedTuple):
    """A preset, the options to change in it, and whether the residual streams are kept near zero."""

    preset: str
    options: dict[str, Any]
    quiet: bool = False


BASICS: dict[str, Case] = {
    "official": Case("official", SIZES),
    "paper": Case("paper", SIZES),
    "official, odd grid, grey": Case("official", ODD),
    "paper, odd grid, grey": Case("paper", ODD),
    "official, no gap": Case("official", SMALL | {"patch_gap": 0}),
    "paper, no gap": Case("paper", SMALL | {"patch_gap": 0}),
    "official, one row, one patch seen": Case("official", SMALL | {"grid": (1, 6), "num_visible": 1}),
    "official, one column": Case("official", SMALL | {"grid": (6, 1), "num_visible": 3}),
    "official, projector online": Case("official", SMALL | {"projector": "online"}),
    "official, projector none": Case("official", SMALL | {"projector": "none"}),
    "paper, projector both": Case("paper", SMALL | {"projector": "both"}),
    "paper, projector none": Case("paper", SMALL | {"projector": "none"}),
    "official, projector depth 2": Case("official", SMALL | {"projector_depth": 2}),
    "official, projector depth 1": Case("official", SMALL | {"projector_depth": 1}),
    "official, image form": Case("official", SMALL | {"similarity_form": "image"}),
    "paper, batch form": Case("paper", SMALL | {"similarity_form": "batch"}),
    "official, un-projected constraint": Case("official", SMALL | {"similarity_tokens": "unprojected"}),
    "paper, projected constraint": Case("paper", SMALL | {"similarity_tokens": "projected"}),
    "official, index positions": Case("official", SMALL | {"positions": "index"}),
    "official, cues unscaled": Case("official", SMALL | {"cue_scale": "none"}),
    "official, not standardised": Case("official", SMALL | {"standardize_predictions": False}),
    "official, other numbers": Case(
        "official",
        SMALL | {"mlp_ratio": 2.0, "temperature": 0.07, "loss_scale": 1.0, "similarity_coefficient": 0.7},
    ),
    "official, no constraint": Case("official", SMALL | {"similarity_coefficient": 0.0}),
    # the epsilons of the norms and of the standardisation, and its unbiased deviation, show only here
    "official, quiet": Case("official", SMALL | {"decoder_depth": 2}, quiet=True),
    "paper, quiet": Case("paper", SMALL | {"decoder_depth": 2}, quiet=True),
}

VARIANTS: dict[str, Case] = {
    # the baselines
    "mae": Case("mae", BASELINE | SHORT_DECODER),
    "simmim": Case("simmim", BASELINE),
    "maskfeat": Case("maskfeat", BASELINE),
    "data2vec": Case("data2vec", BASELINE | {"depth": 3, "target_layers": 2}),
    "conmim": Case("conmim", BASELINE),
    "ijepa": Case("ijepa", MULTI_BLOCK | SHORT_DECODER),
    # Table 1
    "naive": Case(
        "paper",
        SELF_ATTENTION
        | {
            "patch_gap": 0,
            "target_encoder": "joint",
            "objective": "mse",
            "projector": "none",
            "similarity_coefficient": 0.0,
        },
    ),
    "siamese": Case("official", EVEN | {"target_encoder": "siamese"}),
    "joint": Case("official", EVEN | {"target_encoder": "joint"}),
    "joint, projector online": Case("paper", EVEN | {"target_encoder": "joint"}),
    "independent": Case("official", EVEN | {"target_encoder": "independent"}),
    # Table 10
    "shallow": Case("official", SHALLOW),
    "shallow, independent": Case("official", SHALLOW | {"target_encoder": "independent"}),
    "shallow, siamese": Case("official", SHALLOW | {"target_encoder": "siamese"}),
    "pixels": Case("official", LOW_LEVEL),
    "hog, gap": Case(
        "official",
        LOW_LEVEL | {"grid": (3, 4), "num_visible": 5, "patch_size": 16, "low_level_target": "hog", "objective": "mse"},
    ),
    "hog, grey": Case("official", LOW_LEVEL | {"channels": 1, "low_level_target": "hog"}),
    # targets
    "all seen": Case("official", EVEN | {"target_sees": "all"}),
    "layers": Case("official", EVEN | {"depth": 3, "target_depth": 2, "target_layers": 2, "objective": "smooth_l1"}),
    "layers, joint": Case("official", EVEN | {"target_layers": 1, "target_encoder": "joint"}),
    "targets normed": Case("official", EVEN | {"target_norm": "layer", "objective": "smooth_l1"}),
    "recoloured": Case("official", EVEN | {"target_view": "recolored"}),
    # what the encoder is shown
    "mask tokens, squares": Case("official", EVEN | {"masked_input": "token", "mask_block": 2}),
    "mask tokens, self-attention": Case("official", SELF_ATTENTION | {"masked_input": "token"}),
    "mask tokens, linear": Case("official", LINEAR),
    "no class token": Case("official", EVEN | {"class_token": False}),
    "no class token, self-attention": Case("paper", SELF_ATTENTION | {"class_token": False}),
    "no class token, linear": Case("official", LINEAR | {"class_token": False}),
    "fixed crop": Case("official", EVEN | {"grid": (5, 7), "num_visible": 4, "crop_rule": "fixed"}),
    "learned positions": Case("official", EVEN | {"learn_positions": True}),
    "learned positions, self-attention": Case("paper", SELF_ATTENTION | {"learn_positions": True}),
    "learned positions, joint, linear": Case("official", LINEAR | {"learn_positions": True, "target_encoder": "joint"}),
    "learned positions, no class token": Case("official", EVEN | {"learn_positions": True, "class_token": False}),
    # encoders that begin as others, and what of them is trained
    "registers": Case("official", EVEN | {"registers": 3, "norm_epsilon": 1e-3}),
    "registers, no class token, joint": Case(
        "official", EVEN | {"registers": 2, "class_token": False, "target_encoder": "joint", "target_sees": "all"}
    ),
    "registers, layers, mask tokens": Case(
        "official", LINEAR | {"registers": 2, "target_layers": 1, "learn_positions": True}
    ),
    "last block": Case("official", EVEN | {"depth": 2, "train_layers": 1}),
    "norms and biases": Case("official", EVEN | {"train_layers": "norms_and_biases", "target_encoder": "siamese"}),
    "lora": Case("official", EVEN | {"lora_rank": 3}),
    "lora, independent": Case("official", EVEN | {"lora_rank": 2, "target_encoder": "independent"}),
    # targets that nothing trains
    "random projection": Case(
        "official", EVEN | {"target_encoder": "random_projection", "projector": "none", "target_norm": "layer"}
    ),
    "random projection, all negatives": Case(
        "paper",
        EVEN | {"target_encoder": "random_projection", "target_sees": "all", "negatives": "all"},
    ),
    # Table 4
    "self-attention": Case("official", SELF_ATTENTION | {"decoder_depth": 2}),
    "self-attention, no projector": Case("paper", SELF_ATTENTION | {"projector": "none"}),
    "no cues, block-wise": Case("official", EVEN | {"visual_cues": False, "mask": "block_wise"}),
    # Table 2, and the constraint beside a direct objective
    "mse": Case("official", EVEN | {"objective": "mse"}),
    "l1": Case("official", DIRECT | {"objective": "l1"}),
    "huber": Case("official", DIRECT | {"objective": "huber", "huber_delta": 0.7}),
    "huber, vectors": Case("official", DIRECT | {"objective": "huber_vector", "huber_delta": 10.4}),
    "smooth l1": Case("official", DIRECT | {"objective": "smooth_l1", "huber_delta": 2.0}),
    "normalised mse": Case("official", DIRECT | {"objective": "normalized_mse"}),
    "normalised mse, joint": Case("official", DIRECT | {"objective": "normalized_mse", "target_encoder": "joint"}),
    # negatives
    "all negatives, joint": Case(
        "official", EVEN | {"target_sees": "all", "negatives": "all", "target_encoder": "joint"}
    ),
    "false negatives": Case("official", EVEN | {"false_negative_threshold": 0.75}),
    "false negatives among all": Case(
        "official", EVEN | {"target_sees": "all", "negatives": "all", "false_negative_threshold": 0.75}
    ),
    # MoCo v3 beside it
    "contrast": Case("official", EVEN | {"contrast_coefficient": 0.5, "contrast_temperature": 0.4}),
}

CASES = BASICS | VARIANTS
