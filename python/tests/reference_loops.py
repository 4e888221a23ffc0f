"""What the reference is checked with: tiny configurations, and networks of one image written out in plain NumPy."""

import math
from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy.special import erf

import reference
from reference import Config, Views

TINY: dict[str, Any] = {
    "grid": (2, 3),
    "patch_size": 2,
    "channels": 2,
    "patch_gap": 1,
    "num_visible": 2,
    "width": 8,
    "depth": 2,
    "heads": 2,
    "decoder_width": 12,
    "decoder_depth": 2,
    "decoder_heads": 3,
    "projector_width": 10,
    "projector_depth": 3,
}

Arrays = dict[str, np.ndarray]


def random_parameters(config: Config, rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    """Online and target parameters with nothing left at zero or one."""
    values = {
        name: rng.normal(size=shape) / math.sqrt(shape[-1]) if len(shape) == 2 else 0.5 + 0.3 * rng.normal(size=shape)
        for name, shape in reference.parameter_shapes(config).items()
    }
    online = {name: value for name, value in values.items() if reference.is_trained(name, config)}
    return online, {name: value for name, value in values.items() if not reference.is_trained(name, config)}


def random_views(config: Config, batch: int, rng: np.random.Generator) -> Views:
    """Cells in random order, offsets over 0…G."""
    cells = config.training_grid[0] * config.training_grid[1]
    order = np.stack([rng.permutation(cells) for _ in range(batch)])
    offsets = rng.integers(0, config.patch_gap + 1, (batch, cells, 2))
    visible, target = order[:, : config.num_visible], order[:, config.num_visible :]
    return Views(jnp.asarray(visible), jnp.asarray(target), jnp.asarray(offsets))


def loop_linear(params: Arrays, name: str, x: np.ndarray) -> np.ndarray:
    return np.einsum("oi,ni->no", params[f"{name}.weight"], x) + params.get(f"{name}.bias", 0)


def loop_norm(params: Arrays, name: str, x: np.ndarray, epsilon: float = 1e-6) -> np.ndarray:
    rows = [(row - row.mean()) / math.sqrt(row.var() + epsilon) for row in x]
    return np.stack(rows) * params[f"{name}.weight"] + params[f"{name}.bias"]


def loop_gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + erf(x / math.sqrt(2))) / 2


def loop_mlp(params: Arrays, name: str, x: np.ndarray) -> np.ndarray:
    return loop_linear(params, f"{name}.fc2", loop_gelu(loop_linear(params, f"{name}.fc1", x)))


def loop_attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, heads: int) -> np.ndarray:
    size = q.shape[1] // heads
    out = np.zeros_like(q)
    for h, n in product(range(heads), range(len(q))):
        part = slice(h * size, (h + 1) * size)
        weights = np.exp([q[n, part] @ k[m, part] / math.sqrt(size) for m in range(len(k))])
        out[n, part] = sum(w * v[m, part] for m, w in enumerate(weights / weights.sum()))
    return out


def loop_self_attention(params: Arrays, name: str, x: np.ndarray, heads: int) -> np.ndarray:
    qkv = loop_linear(params, f"{name}.qkv", x)
    width = x.shape[1]
    mixed = loop_attention(qkv[:, :width], qkv[:, width : 2 * width], qkv[:, 2 * width :], heads)
    return loop_linear(params, f"{name}.proj", mixed)


def loop_encoder(params: Arrays, prefix: str, patches: np.ndarray, cells: np.ndarray, config: Config) -> np.ndarray:
    table = reference.positions(config, config.positions, config.width)
    embedded = loop_linear(params, f"{prefix}.embed.proj", patches)
    x = np.stack(
        [params[f"{prefix}.cls_token"][0, 0]] + [e + table[1 + c] for e, c in zip(embedded, cells, strict=True)]
    )
    for i in range(config.depth):
        block = f"{prefix}.blocks.{i}"
        x = x + loop_self_attention(params, f"{block}.attn", loop_norm(params, f"{block}.norm1", x), config.heads)
        x = x + loop_mlp(params, f"{block}.mlp", loop_norm(params, f"{block}.norm2", x))
    return loop_norm(params, f"{prefix}.norm", x)


def loop_projector(params: Arrays, prefix: str, x: np.ndarray) -> np.ndarray:
    x = loop_gelu(loop_norm(params, f"{prefix}.head.norm0", loop_linear(params, f"{prefix}.head.linear0", x), 1e-5))
    x = loop_gelu(loop_norm(params, f"{prefix}.head.norm1", loop_linear(params, f"{prefix}.head.linear1", x), 1e-5))
    return loop_norm(params, f"{prefix}.head.norm2", loop_linear(params, f"{prefix}.head.linear2", x), 1e-5)


def loop_decoder(
    params: Arrays, tokens: np.ndarray, visible: np.ndarray, target: np.ndarray, config: Config
) -> np.ndarray:
    table = reference.positions(config, config.positions, config.decoder_width)
    divisor = math.sqrt(config.decoder_width) if config.cue_scale == "sqrt" else 1.0
    e = loop_linear(params, "decoder.embed", tokens)
    memory = np.stack([e[0]] + [e[1 + i] + table[1 + cell] for i, cell in enumerate(visible)])
    rows = [params["decoder.cls_token"][0, 0]]
    for t in target:
        weights = np.exp([table[1 + t] @ table[1 + v] / divisor for v in visible])
        cue = sum(w * e[1 + i] for i, w in enumerate(weights / weights.sum()))
        rows.append(params["decoder.mask_token"][0, 0] + cue + table[1 + t])
    x, width, heads = np.stack(rows), config.decoder_width, config.decoder_heads
    for i in range(config.decoder_depth):
        block = f"decoder.blocks.{i}"
        x = x + loop_self_attention(params, f"{block}.self_attn", loop_norm(params, f"{block}.norm1", x), heads)
        q = loop_linear(params, f"{block}.cross_attn.q_proj", loop_norm(params, f"{block}.norm2q", x))
        kv = loop_linear(params, f"{block}.cross_attn.kv_proj", loop_norm(params, f"{block}.norm2kv", memory))
        mixed = loop_attention(q, kv[:, :width], kv[:, width:], heads)
        x = x + loop_linear(params, f"{block}.cross_attn.proj", mixed)
        x = x + loop_mlp(params, f"{block}.mlp", loop_norm(params, f"{block}.norm3", x))
    return loop_linear(params, "decoder.head", loop_norm(params, "decoder.norm", x))[1:]


def loop_blocks(params: Arrays, name: str, x: np.ndarray, depth: int, heads: int) -> list[np.ndarray]:
    """The outputs of `depth` pre-norm blocks of self-attention."""
    outputs = [x]
    for i in range(depth):
        block, x = f"{name}.blocks.{i}", outputs[-1]
        x = x + loop_self_attention(params, f"{block}.attn", loop_norm(params, f"{block}.norm1", x), heads)
        outputs.append(x + loop_mlp(params, f"{block}.mlp", loop_norm(params, f"{block}.norm2", x)))
    return outputs[1:]


def loop_plain_norm(x: np.ndarray) -> np.ndarray:
    """LayerNorm without parameters."""
    return np.stack([(row - row.mean()) / math.sqrt(row.var() + 1e-5) for row in x])
