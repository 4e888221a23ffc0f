"""The names and shapes of all parameters: a part holds what it uses and nothing else."""

import itertools

from reference.configuration import Config

Shapes = dict[str, tuple[int, ...]]

HOG_BINS = 9
HOG_CELL = 8


def _linear_shapes(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm_shapes(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _mlp_shapes(name: str, width: int, ratio: float) -> Shapes:
    hidden = int(width * ratio)
    return _linear_shapes(f"{name}.fc1", width, hidden) | _linear_shapes(f"{name}.fc2", hidden, width)


def _attention_shapes(name: str, width: int) -> Shapes:
    return _linear_shapes(f"{name}.qkv", width, 3 * width) | _linear_shapes(f"{name}.proj", width, width)


def _block_shapes(name: str, width: int, ratio: float) -> Shapes:
    return (
        _norm_shapes(f"{name}.norm1", width)
        | _attention_shapes(f"{name}.attn", width)
        | _norm_shapes(f"{name}.norm2", width)
        | _mlp_shapes(f"{name}.mlp", width, ratio)
    )


def projector_widths(config: Config) -> list[tuple[int, int]]:
    """(inputs, outputs) of the projector's linear layers, first to last."""
    widths = [config.width] + [config.projector_width] * (config.projector_depth - 1) + [config.width]
    return list(itertools.pairwise(widths))


def output_width(config: Config) -> int:
    """O: how many numbers are predicted per patch."""
    if config.has_latent_targets:
        return config.teacher_width or config.width
    if config.low_level_target == "hog":
        return config.channels * HOG_BINS * (config.patch_size // HOG_CELL) ** 2
    return config.patch_size**2 * config.channels


def _table_shapes(prefix: str, width: int, config: Config) -> Shapes:
    rows, columns = config.training_grid
    return {f"{prefix}.pos_embed.pos_embeds": (rows * columns + 1, width)}


def _encoder_shapes(prefix: str, config: Config, depth: int, normed: bool, projected: bool) -> Shapes:
    width = config.width
    shapes: Shapes = {f"{prefix}.cls_token": (1, 1, width)} if config.class_token else {}
    if config.registers:
        shapes[f"{prefix}.register_tokens"] = (1, config.registers, width)
    shapes |= _linear_shapes(f"{prefix}.embed.proj", config.patch_size**2 * config.channels, width)
    if config.learn_positions:
        shapes |= _table_shapes(prefix, width, config)
    for i in range(depth):
        shapes |= _block_shapes(f"{prefix}.blocks.{i}", width, config.mlp_ratio)
    if config.lora_rank:
        weights = [(name, shape) for name, shape in shapes.items() if ".blocks." in name and len(shape) == 2]
        for name, (outputs, inputs) in weights:
            layer = name.removesuffix("weight")
            shapes |= {f"{layer}lora_down": (inputs, config.lora_rank), f"{layer}lora_up": (outputs, config.lora_rank)}
    if normed:
        shapes |= _norm_shapes(f"{prefix}.norm", width)
    if projected:
        for i, (inputs, outputs) in enumerate(projector_widths(config)):
            shapes[f"{prefix}.head.linear{i}.weight"] = (outputs, inputs)
            shapes |= _norm_shapes(f"{prefix}.head.norm{i}", outputs)
    return shapes


def _online_shapes(config: Config) -> Shapes:
    shapes = _encoder_shapes("encoder", config, config.depth, normed=True, projected=config.projector != "none")
    if config.masked_input == "token":
        shapes["encoder.mask_token"] = (1, 1, config.width)
    return shapes


def _target_shapes(config: Config) -> Shapes:
    """Only the blocks that are used; no mask token; no projector where block outputs are averaged."""
    if config.target_encoder == "random_projection":
        return {"target_projection.proj.weight": (config.width, config.patch_size**2 * config.channels)}
    if not config.has_latent_targets or config.target_prefix == "encoder":
        return {}
    projected = config.target_layers == 0 and config.projector == "both"
    return _encoder_shapes("target_encoder", config, config.target_blocks, normed=True, projected=projected)


def _cross_block_shapes(name: str, width: int, ratio: float) -> Shapes:
    shapes: Shapes = {}
    for norm in ("norm1", "norm2q", "norm2kv", "norm3"):
        shapes |= _norm_shapes(f"{name}.{norm}", width)
    shapes |= _attention_shapes(f"{name}.self_attn", width)
    shapes |= _linear_shapes(f"{name}.cross_attn.q_proj", width, width)
    shapes |= _linear_shapes(f"{name}.cross_attn.kv_proj", width, 2 * width)
    shapes |= _linear_shapes(f"{name}.cross_attn.proj", width, width)
    return shapes | _mlp_shapes(f"{name}.mlp", width, ratio)


def _decoder_shapes(config: Config) -> Shapes:
    if config.decoder == "linear":
        return _linear_shapes("decoder.head", config.width, output_width(config))
    width, cross = config.decoder_width, config.decoder == "cross_attention"
    shapes: Shapes = {"decoder.mask_token": (1, 1, width)}
    if cross and config.class_token:
        shapes["decoder.cls_token"] = (1, 1, width)
    if config.learn_positions:
        shapes |= _table_shapes("decoder", width, config)
    shapes |= _linear_shapes("decoder.embed", config.width, width)
    for i in range(config.decoder_depth):
        block = _cross_block_shapes if cross else _block_shapes
        shapes |= block(f"decoder.blocks.{i}", width, config.mlp_ratio)
    shapes |= _norm_shapes("decoder.norm", width)
    return shapes | _linear_shapes("decoder.head", width, output_width(config))


def _predictor_shapes(config: Config) -> Shapes:
    """MoCo v3's; its second BatchNorm has no parameters, and running statistics are not here."""
    if config.contrast_coefficient == 0:
        return {}
    return {
        "predictor.linear0.weight": (config.projector_width, config.width),
        **_norm_shapes("predictor.norm0", config.projector_width),
        "predictor.linear1.weight": (config.width, config.projector_width),
    }


def parameter_shapes(config: Config) -> Shapes:
    """Every trainable or averaged tensor's shape by its name; fixed position tables are `buffer_shapes`."""
    return _online_shapes(config) | _target_shapes(config) | _decoder_shapes(config) | _predictor_shapes(config)


def buffer_shapes(config: Config) -> Shapes:
    """Shapes of the fixed position tables a published checkpoint also carries."""
    if config.learn_positions:
        return {}
    shapes = _table_shapes("encoder", config.width, config)
    if _target_shapes(config) and not config.has_fixed_targets:
        shapes |= _table_shapes("target_encoder", config.width, config)
    if config.decoder != "linear":
        shapes |= _table_shapes("decoder", config.decoder_width, config)
    return shapes


def is_trained(name: str, config: Config) -> bool:
    """Whether the optimiser trains this parameter: all but a target encoder that is an average, what projects targets,
    and what of the encoder is left as it is.
    """
    part, _, rest = name.partition(".")
    if part == "target_projection" or (part == "target_encoder" and config.target_encoder != "independent"):
        return False
    if part not in ("encoder", "target_encoder") or rest.startswith("head.") or rest == "mask_token":
        return True
    if config.lora_rank:
        return "lora" in rest
    if config.train_layers == "norms_and_biases":
        return "norm" in rest or rest.endswith(".bias")
    if config.train_layers == "all":
        return True
    blocks = [f"blocks.{i}." for i in range(config.depth - int(config.train_layers), config.depth)]
    return rest.startswith(("norm.", *blocks))
