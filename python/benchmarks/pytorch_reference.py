"""Latent MIM in PyTorch, as one writes it there: the published form (preset "official"), for comparison only.

Parameters carry the published checkpoint's names. Shape letters: B images, L grid cells, V visible, T targets, N any
number of tokens, C encoder width, D decoder width, P patch side, G gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Views:
    """What each image shows: visible cells [B,V], target cells [B,T], (row, column) patch offsets [B,L,2]."""

    visible: Tensor
    target: Tensor
    offsets: Tensor


def attend(q: Tensor, k: Tensor, v: Tensor, fused: bool) -> Tensor:
    """Attention of q [B,heads,N,·] over k, v [B,heads,M,·], plainly or by PyTorch's fused operation; [B,N,width]."""
    if fused:
        mixed = functional.scaled_dot_product_attention(q, k, v)
    else:
        mixed = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1) @ v
    return mixed.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Fused qkv, attention, output projection."""

    def __init__(self, width: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B,N,width] → [B,N,width]."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(attend(q, k, v, self.fused))


class CrossAttention(nn.Module):
    """Queries from x, fused keys and values from the memory."""

    def __init__(self, width: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.q_proj = nn.Linear(width, width)
        self.kv_proj = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """[B,N,width], [B,M,width] → [B,N,width]."""
        q = self.q_proj(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        k, v = self.kv_proj(memory).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(attend(q, k, v, self.fused))


class Mlp(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, width: int, ratio: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, int(width * ratio))
        self.fc2 = nn.Linear(int(width * ratio), width)

    def forward(self, x: Tensor) -> Tensor:
        """[B,N,width] → [B,N,width]."""
        return self.fc2(functional.gelu(self.fc1(x)))


class Positions(nn.Module):
    """Fixed sin-cos table [L+1, width] of a grid, class token (zeros) first."""

    def __init__(self, grid: tuple[int, int], width: int) -> None:
        super().__init__()
        rows, columns = grid
        y = torch.linspace(0, rows, rows, dtype=torch.float64).repeat_interleave(columns)[:, None]
        x = torch.linspace(0, columns, columns, dtype=torch.float64).repeat(rows)[:, None]
        omega = 10000.0 ** (-4.0 * torch.arange(width // 4, dtype=torch.float64) / width)
        cells = torch.cat([(x * omega).sin(), (x * omega).cos(), (y * omega).sin(), (y * omega).cos()], 1)
        self.register_buffer("pos_embeds", torch.cat([torch.zeros(1, width), cells.float()]), persistent=False)

    def forward(self, cells: Tensor) -> Tensor:
        """Positions [B,N,width] of cells [B,N]."""
        return self.pos_embeds[cells + 1]


class EncoderBlock(nn.Module):
    """x += Attn(LN x); x += MLP(LN x)."""

    def __init__(self, width: int, heads: int, ratio: float, fused: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = SelfAttention(width, heads, fused)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, ratio)

    def forward(self, x: Tensor) -> Tensor:
        """[B,N,C] → [B,N,C]."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Projector(nn.Module):
    """[Linear, LN, GELU] × (depth − 1), Linear, LN; linear layers without bias."""

    def __init__(self, width: int, hidden: int, depth: int) -> None:
        super().__init__()
        widths = [width] + [hidden] * (depth - 1) + [width]
        self.depth = depth
        for i in range(depth):
            self.add_module(f"linear{i}", nn.Linear(widths[i], widths[i + 1], bias=False))
            self.add_module(f"norm{i}", nn.LayerNorm(widths[i + 1], eps=1e-5))

    def forward(self, x: Tensor) -> Tensor:
        """[B,N,C] → [B,N,C]."""
        for i in range(self.depth):
            x = functional.gelu(x) if i > 0 else x
            x = self.get_submodule(f"norm{i}")(self.get_submodule(f"linear{i}")(x))
        return x


class Encoder(nn.Module):
    """The vision transformer over any cells of its grid, with the projector behind it where there is one."""

    def __init__(self, config: dict[str, Any], fused: bool, projected: bool = True) -> None:
        super().__init__()
        width = config["width"]
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.embed = nn.ModuleDict({"proj": nn.Linear(config["patch_size"] ** 2 * config["channels"], width)})
        self.pos_embed = Positions(tuple(config["grid"]), width)
        self.blocks = nn.ModuleList(
            EncoderBlock(width, config["heads"], config["mlp_ratio"], fused) for _ in range(config["depth"])
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        if projected:
            self.head = Projector(width, config["projector_width"], config["projector_depth"])

    def forward(self, patches: Tensor, cells: Tensor) -> Tensor:
        """Tokens [B,N+1,C], class token first, of patches [B,N,P·P·channels] at cells [B,N]."""
        x = self.embed["proj"](patches) + self.pos_embed(cells)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.head(x) if hasattr(self, "head") else x


class Features(nn.Module):
    """An encoder at work: normalised images [B,H,W,channels] of its grid without gaps → patch tokens [B,L,C]."""

    def __init__(self, config: dict[str, Any], fused: bool) -> None:
        super().__init__()
        self.encoder = Encoder(config, fused, projected=False)
        self.patch = config["patch_size"]

    def forward(self, images: Tensor) -> Tensor:
        """[B,H,W,channels] → [B,L,C]."""
        batch, height, width, channels = images.shape
        side = self.patch
        patches = images.reshape(batch, height // side, side, width // side, side, channels).transpose(2, 3)
        cells = torch.arange(height // side * (width // side)).expand(batch, -1)
        return self.encoder(patches.reshape(batch, -1, side * side * channels), cells)[:, 1:]
