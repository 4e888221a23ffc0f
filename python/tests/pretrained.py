"""Vision transformers of other projects: random weights under their names, and a forward pass in double precision."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.special import erf, softmax

WIDTH, HEADS, DEPTH, PATCH, GRID = 24, 3, 2, 4, 4
Weights = dict[str, np.ndarray]


class Attention(NamedTuple):
    """What a block's attention is made of."""

    queries: np.ndarray  # [B, N, C]
    keys: np.ndarray
    values: np.ndarray
    weights: np.ndarray  # [B, heads, N, N]
    mixed: np.ndarray  # [B, heads, N, C/heads]


def plain(
    rng: np.random.Generator,
    *,
    class_token: bool = True,
    registers: str | None = None,
    position_rows: int | None = None,
    layer_scale: str | None = None,
    bias: str = "qkv",
    relative: str | None = None,
    grid: tuple[int, int] = (GRID, GRID),
) -> Weights:
    """Weights under timm's names; `position_rows` in front of those of the patches, None for no table."""

    def normal(*shape: int, deviation: float = 0.3) -> np.ndarray:
        return rng.normal(0, deviation, shape).astype(np.float32)

    def linear(name: str, out: int, width: int) -> Weights:
        return {f"{name}.weight": normal(out, width, deviation=width**-0.5), f"{name}.bias": normal(out)}

    def norm(name: str) -> Weights:
        return {f"{name}.weight": 1 + normal(WIDTH), f"{name}.bias": normal(WIDTH)}

    weights = {"patch_embed.proj.weight": normal(WIDTH, 3, PATCH, PATCH), "patch_embed.proj.bias": normal(WIDTH)}
    weights |= {"cls_token": normal(1, 1, WIDTH)} if class_token else {}
    weights |= {registers: normal(1, 3, WIDTH)} if registers else {}
    if position_rows is not None:
        weights["pos_embed"] = normal(1, grid[0] * grid[1] + position_rows, WIDTH)
    entries = (2 * grid[0] - 1) * (2 * grid[1] - 1) + (3 if class_token else 0)
    if relative == "shared":
        weights["rel_pos_bias.relative_position_bias_table"] = normal(entries, HEADS, deviation=1)
    for block in range(DEPTH):
        name = f"blocks.{block}"
        weights |= norm(f"{name}.norm1") | norm(f"{name}.norm2") | linear(f"{name}.attn.qkv", 3 * WIDTH, WIDTH)
        weights |= linear(f"{name}.attn.proj", WIDTH, WIDTH)
        weights |= linear(f"{name}.mlp.fc1", 4 * WIDTH, WIDTH) | linear(f"{name}.mlp.fc2", WIDTH, 4 * WIDTH)
        if bias != "qkv":
            del weights[f"{name}.attn.qkv.bias"]
        if bias == "no key":
            weights |= {f"{name}.attn.q_bias": normal(WIDTH), f"{name}.attn.v_bias": normal(WIDTH)}
        if layer_scale:
            weights |= {f"{name}.{layer_scale.format(k)}": 0.5 + normal(WIDTH) for k in (1, 2)}
        if relative == "blocks":
            weights[f"{name}.attn.relative_position_bias_table"] = normal(entries, HEADS, deviation=1)
            weights[f"{name}.attn.relative_position_index"] = np.arange(4)
    return weights | norm("norm")


def below(prefix: str, weights: Weights) -> Weights:
    return {prefix + name: value for name, value in weights.items()}


def layer_norm(x: np.ndarray, weights: Weights, name: str, epsilon: float = 1e-6) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return normed * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def cubic_matrix(inputs: int, outputs: int, rule: str) -> np.ndarray:
    """Bicubic weights [outputs, inputs], written out point by point."""
    matrix = np.zeros((outputs, inputs))
    antialias = rule == "antialiased"
    a = -0.5 if antialias else -0.75
    scale = inputs / (outputs + (0.1 if rule == "offset" else 0))
    widening = max(scale, 1) if antialias else 1

    def kernel(x: float) -> float:
        x = abs(x)
        near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
        return near if x <= 1 else far if x < 2 else 0

    for output in range(outputs):
        centre = (output + 0.5) * scale - 0.5
        reach = int(2 * widening) + 2
        for place in range(int(np.floor(centre)) - reach, int(np.floor(centre)) + reach + 1):
            if antialias and not 0 <= place < inputs:
                continue
            matrix[output, min(max(place, 0), inputs - 1)] += kernel((place - centre) / widening)
    return matrix / matrix.sum(1, keepdims=True)


def positions(table: np.ndarray, old: tuple[int, int], new: tuple[int, int], rule: str) -> np.ndarray:
    if old == new:
        return table
    cells = table.reshape(*old, -1).astype(float)
    rows, columns = (cubic_matrix(was, is_now, rule) for was, is_now in zip(old, new, strict=True))
    return np.einsum("ab,bcd,ec->aed", rows, cells, columns).reshape(new[0] * new[1], -1)


def stretched(old: int, new: int) -> np.ndarray:
    """Where BEiT puts the distances of an axis of `old` cells, to reach those of `new` cells."""
    if old == new:
        return np.arange(1 - old, old, dtype=float)
    low, high = 1.01, 1.5
    while high - low > 1e-6:
        q = (low + high) / 2
        low, high = (low, q) if sum(q**k for k in range(old - 1)) > new - 1 else (q, high)
    steps = np.cumsum(q ** np.arange(old - 1))
    return np.concatenate([-steps[::-1], [0], steps])


def relative_bias(
    table: np.ndarray, old: tuple[int, int], new: tuple[int, int], class_token: bool = True
) -> np.ndarray:
    """[heads, N, N] from BEiT's table."""
    extra = 3 if class_token else 0
    grids = table[: len(table) - extra].reshape(2 * old[0] - 1, 2 * old[1] - 1, -1).astype(float)
    if old != new:
        ys, xs = (stretched(was, is_now) for was, is_now in zip(old, new, strict=True))
        at = np.arange(1 - new[0], new[0]), np.arange(1 - new[1], new[1])
        heads = [RectBivariateSpline(ys, xs, grids[..., h], kx=3, ky=3, s=0)(*at) for h in range(grids.shape[2])]
        grids = np.stack(heads, -1)
    y, x = np.divmod(np.arange(new[0] * new[1]), new[1])
    patches = grids[y[:, None] - y + new[0] - 1, x[:, None] - x + new[1] - 1].transpose(2, 0, 1)
    if not class_token:
        return patches
    bias = np.empty((patches.shape[0], len(y) + 1, len(y) + 1))
    bias[:, 1:, 1:] = patches
    bias[:, 0, :], bias[:, :, 0], bias[:, 0, 0] = table[-3][:, None], table[-2][:, None], table[-1]
    return bias


def forward(
    weights: Weights,
    images: np.ndarray,
    *,
    heads: int = HEADS,
    old: tuple[int, int] = (GRID, GRID),
    interpolation: str = "antialiased",
    mean: tuple[float, ...] = (0.485, 0.456, 0.406),
    std: tuple[float, ...] = (0.229, 0.224, 0.225),
    epsilon: float = 1e-6,
    stride: int | None = None,
    inside: list[Attention] | None = None,
) -> list[np.ndarray]:
    """The tokens behind layers 0 … depth, before the final norm, and with it: class token, registers, patches.

    `inside` gets what every block's attention is made of.
    """
    x = (images / 255.0 - mean) / std
    kernel = weights["patch_embed.proj.weight"]
    side = kernel.shape[-1]
    step = stride or side
    cut = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::step, ::step]
    count, rows, columns = cut.shape[:3]
    x = np.einsum("byxcij,kcij->byxk", cut, kernel).reshape(count, rows * columns, -1)
    x = x + weights.get("patch_embed.proj.bias", 0)
    leading = [weights[name] for name in ("cls_token", "reg_token", "register_tokens") if name in weights]
    front = np.concatenate(leading, 1)[0] if leading else np.zeros((0, x.shape[2]))
    if "pos_embed" in weights:
        table = weights["pos_embed"][0]
        extra = len(table) - old[0] * old[1]
        front = front + np.pad(table[:extra].astype(float), ((0, len(front) - extra), (0, 0)))
        x = x + positions(table[extra:], old, (rows, columns), interpolation)
    x = np.concatenate([np.broadcast_to(front, (count, *front.shape)), x], 1)
    layers = [x]
    depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    for block in range(depth):
        own = {name.removeprefix(f"blocks.{block}."): value for name, value in weights.items()}
        name = "rel_pos_bias.relative_position_bias_table"
        table = own.get("attn.relative_position_bias_table", weights.get(name))
        bias = 0 if table is None else relative_bias(table, old, (rows, columns), "cls_token" in weights)
        seen = attention(x, own, heads, bias, epsilon)
        if inside is not None:
            inside.append(seen)
        x = one_block(x, own, seen, epsilon)
        layers.append(x)
    return [*layers, layer_norm(x, weights, "norm", epsilon) if "norm.weight" in weights else x]


def attention(x: np.ndarray, own: Weights, heads: int, bias: Any, epsilon: float) -> Attention:
    count, tokens, width = x.shape
    shift = own.get("attn.qkv.bias", np.zeros(3 * width))
    if "attn.q_bias" in own:
        shift = np.concatenate([own["attn.q_bias"], np.zeros(width), own["attn.v_bias"]])
    qkv = layer_norm(x, own, "norm1", epsilon) @ own["attn.qkv.weight"].T.astype(float) + shift
    q, k, v = qkv.reshape(count, tokens, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
    mixing = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(width / heads) + bias, axis=-1)
    return Attention(*np.moveaxis(qkv.reshape(count, tokens, 3, width), 2, 0), mixing, mixing @ v)


def one_block(x: np.ndarray, own: Weights, seen: Attention, epsilon: float) -> np.ndarray:
    mixed = seen.mixed.transpose(0, 2, 1, 3).reshape(x.shape)
    x = x + scaled(own, 1) * (mixed @ own["attn.proj.weight"].T + own["attn.proj.bias"])
    hidden = layer_norm(x, own, "norm2", epsilon) @ own["mlp.fc1.weight"].T + own["mlp.fc1.bias"]
    hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
    return x + scaled(own, 2) * (hidden @ own["mlp.fc2.weight"].T + own["mlp.fc2.bias"])


def scaled(own: Weights, branch: int) -> Any:
    return own.get(f"ls{branch}.gamma", own.get(f"gamma_{branch}", 1.0))


Make = Callable[[np.random.Generator], tuple[Weights, dict[str, Any]]]
"""Weights of the encoder under timm's names, and the checkpoint around them."""


def timm(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights = plain(rng, registers="reg_token", position_rows=4, layer_scale="ls{}.gamma")
    return weights, dict(weights)


def without_class_embedding(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights = plain(rng, position_rows=0, bias="none")
    return weights, dict(weights)


def dino(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights, student = plain(rng, position_rows=1), plain(rng, position_rows=1)
    heads = {"head.mlp.0.weight": np.ones((3, WIDTH), np.float32)}
    entries = {name: below("backbone.", value) | heads for name, value in (("student", student), ("teacher", weights))}
    return weights, entries | {"epoch": 3, "optimizer": {"state": {0: {"exp_avg": np.ones(3)}}, "lr": 0.1}}


def dinov2(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights = plain(rng, registers="register_tokens", position_rows=1, layer_scale="ls{}.gamma")
    return weights, weights | {"mask_token": np.ones((1, WIDTH), np.float32)}


def dinov2_chunked(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights, checkpoint = dinov2(rng)
    chunked = {name.replace("blocks.", "blocks.0."): value for name, value in checkpoint.items()}
    return weights, {"teacher": below("backbone.", chunked)}


def ibot(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights = plain(rng, position_rows=1)
    masked = {"backbone.masked_embed": np.ones((1, WIDTH), np.float32)}
    return weights, {"student": below("backbone.", plain(rng, position_rows=1)) | masked} | {
        "teacher": below("backbone.", weights) | masked
    }


def moco_v3(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights = plain(rng, position_rows=1)
    both = below("module.base_encoder.", weights) | below("module.momentum_encoder.", plain(rng, position_rows=1))
    head = {"module.base_encoder.head.0.weight": np.ones((4, WIDTH), np.float32)}
    return weights, {"epoch": 3, "state_dict": both | head}


def ijepa(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights, context = (plain(rng, class_token=False, position_rows=0) for _ in range(2))
    predictor = {"module.predictor_blocks.0.norm1.weight": np.ones(8, np.float32)}
    return weights, {
        "encoder": below("module.", context),
        "predictor": predictor,
        "target_encoder": below("module.", weights),
    }


def mae(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights = plain(rng, position_rows=1)
    ones = np.ones((1, 1, 8), np.float32)
    decoder = {name: ones for name in ("mask_token", "decoder_pos_embed", "decoder_blocks.0.norm1.weight")}
    return weights, {"model": weights | decoder}


def simmim(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights = plain(rng, bias="no key", layer_scale="gamma_{}", relative="shared")
    other = {"encoder.mask_token": np.ones((1, 1, WIDTH)), "decoder.0.weight": np.ones((5, WIDTH, 1, 1))}
    return weights, {"model": below("encoder.", weights) | other}


def beit(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    weights = plain(rng, bias="no key", layer_scale="gamma_{}", relative="blocks")
    return weights, dict(weights)


def data2vec(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    """With the norm of pooled features in place of the final one, as fine-tuned BEiTs have."""
    weights = plain(rng, bias="no key", layer_scale="gamma_{}", relative="shared")
    weights |= {f"fc_norm.{part}": weights.pop(f"norm.{part}") for part in ("weight", "bias")}
    return weights, {"model": dict(weights)}


def swin_like(rng: np.random.Generator) -> tuple[Weights, dict[str, Any]]:
    """Relative position bias without class token, and a table of positions besides."""
    weights = plain(rng, class_token=False, position_rows=0, relative="blocks")
    return weights, dict(weights)


# name → (how it is made, the family it is told to be)
CASES: dict[str, tuple[Make, str]] = {
    "timm": (timm, "timm"),
    "without_class_embedding": (without_class_embedding, "timm"),
    "dino": (dino, "dino"),
    "dinov2": (dinov2, "dinov2"),
    "dinov2_chunked": (dinov2_chunked, "dinov2"),
    "ibot": (ibot, "ibot"),
    "moco_v3": (moco_v3, "moco_v3"),
    "ijepa": (ijepa, "ijepa"),
    "mae": (mae, "mae"),
    "simmim": (simmim, "simmim"),
    "beit": (beit, "beit"),
    "data2vec": (data2vec, "beit"),
    "swin_like": (swin_like, "beit"),
}
