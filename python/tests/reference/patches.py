"""Positions, patches of images, and MaskFeat's histograms of gradients."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from reference.configuration import Array, Config, Parameters
from reference.layers import normalise
from reference.parameters import HOG_BINS, HOG_CELL

HOG_GRADIENT = (-1.0, 0.0, 1.0)  # along the axis of the derivative
HOG_SMOOTHING = (0.0, 1.0, 0.0)  # across it; (1, 2, 1) would be Sobel's


def positions(config: Config, kind: str, width: int) -> np.ndarray:
    """Fixed 2-D sin-cos table [L+1, width], class token (zeros) first, layout [sin x, cos x, sin y, cos y].

    `kind`: "index" gives the cells coordinates 0…g−1, "linspace" g of them spread over 0…g.
    """
    rows, columns = config.training_grid
    if kind == "linspace":
        y, x = np.linspace(0, rows, rows), np.linspace(0, columns, columns)
    elif kind == "index":
        y, x = np.arange(rows, dtype=np.float64), np.arange(columns, dtype=np.float64)
    else:
        raise ValueError(f"positions: {kind!r} is neither 'linspace' nor 'index'")
    omega = 10000.0 ** (-4.0 * np.arange(width // 4) / width)  # [W/4]
    angle_x = np.tile(x, rows)[:, None] * omega  # [L, W/4]: cells in row-major order
    angle_y = np.repeat(y, columns)[:, None] * omega
    cells = np.concatenate([np.sin(angle_x), np.cos(angle_x), np.sin(angle_y), np.cos(angle_y)], axis=1)
    return np.concatenate([np.zeros((1, width)), cells])


def position_table(params: Parameters, prefix: str, width: int, config: Config, dtype: Any) -> Array:
    """Positions [L+1, W] of a network, the class token's first: learned or fixed."""
    if config.learn_positions:
        return params[f"{prefix}.pos_embed.pos_embeds"]
    return jnp.asarray(positions(config, config.positions, width), dtype)


def _patches(images: Array, cells: Array, offsets: Array, config: Config) -> Array:
    """Patches [B,K,P,P,c] of cells [B,K] at offsets [B,L,2] in images [B,H,W,c]."""
    size, stride = config.patch_size, config.patch_size + config.patch_gap
    offset = jnp.take_along_axis(offsets, cells[:, :, None], axis=1)  # [B,K,2]
    columns = config.training_grid[1]
    top = cells // columns * stride + offset[:, :, 0]  # [B,K]
    left = cells % columns * stride + offset[:, :, 1]
    down = top[:, :, None, None] + jnp.arange(size)[:, None]  # [B,K,P,1]
    across = left[:, :, None, None] + jnp.arange(size)  # [B,K,1,P]
    return jnp.asarray(images)[jnp.arange(len(cells))[:, None, None, None], down, across]


def extract_patches(images: Array, cells: Array, offsets: Array, config: Config) -> Array:
    """Patches [B,K,P·P·c], flattened (row, column, channel), of cells [B,K] at offsets [B,L,2] in images [B,H,W,c]."""
    if images.shape[1:] != (*config.crop, config.channels):
        raise ValueError(f"extract_patches: images are {images.shape}, wanted [B, *{config.crop}, {config.channels}]")
    return _patches(images, cells, offsets, config).reshape(*cells.shape, -1)


def _derivative(images: Array, axis: int) -> Array:
    """The images' [B,H,W,c] derivative along axis 1 or 2, reflected at the border (the edge itself not repeated)."""
    for direction, weights in ((axis, HOG_GRADIENT), (3 - axis, HOG_SMOOTHING)):
        margin = [(1, 1) if i == direction else (0, 0) for i in range(4)]
        padded = jnp.pad(images, margin, mode="reflect")
        size = images.shape[direction]
        images = sum(w * jnp.take(padded, jnp.arange(size) + k, axis=direction) for k, w in enumerate(weights))
    return images


def hog(images: Array, cells: Array, offsets: Array, config: Config) -> Array:
    """Histograms of gradients [B,K,c·9·(P/8)²] of cells [B,K]; gradients are the whole crop's.

    Per channel: nine unsigned bins, floor(9/π · atan2(gx, gy)) mod 9, to which each pixel adds its gradient's
    magnitude; summed over squares of 8×8 pixels and L2-normalised over the bins. Order: channel, bin, row of the
    square, column of the square.
    """
    gx, gy = _derivative(images, 2), _derivative(images, 1)
    bins = jnp.floor(jnp.arctan2(gx, gy) / np.pi * HOG_BINS).astype(int) % HOG_BINS  # [B,H,W,c]
    votes = jnp.sqrt(gx**2 + gy**2)[..., None] * (bins[..., None] == jnp.arange(HOG_BINS))  # [B,H,W,c,9]
    pixels = _patches(votes, cells, offsets, config)  # [B,K,P,P,c,9]
    side = config.patch_size // HOG_CELL
    squares = pixels.reshape(*cells.shape, side, HOG_CELL, side, HOG_CELL, config.channels, HOG_BINS).sum((3, 5))
    return normalise(squares).transpose(0, 1, 4, 5, 2, 3).reshape(*cells.shape, -1)
