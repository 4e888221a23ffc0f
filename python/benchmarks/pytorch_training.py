"""The rest of Latent MIM in PyTorch: decoder, objective, and the training step that the benchmarks time."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pytorch_reference import CrossAttention, Encoder, Mlp, Positions, SelfAttention, Views


class DecoderBlock(nn.Module):
    """q += SelfAttn(LN q); q += CrossAttn(LN q, LN memory); q += MLP(LN q)."""

    def __init__(self, width: int, heads: int, ratio: float, fused: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attn = SelfAttention(width, heads, fused)
        self.norm2q = nn.LayerNorm(width, eps=1e-6)
        self.norm2kv = nn.LayerNorm(width, eps=1e-6)
        self.cross_attn = CrossAttention(width, heads, fused)
        self.norm3 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, ratio)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """[B,T+1,D], [B,V+1,D] → [B,T+1,D]."""
        x = x + self.self_attn(self.norm1(x))
        x = x + self.cross_attn(self.norm2q(x), self.norm2kv(memory))
        return x + self.mlp(self.norm3(x))


class Decoder(nn.Module):
    """Predicts the targets' latents from the visible tokens, starting from visual cues."""

    def __init__(self, config: dict[str, Any], fused: bool) -> None:
        super().__init__()
        width = config["decoder_width"]
        self.embed = nn.Linear(config["width"], width)
        self.pos_embed = Positions(tuple(config["grid"]), width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(
            DecoderBlock(width, config["decoder_heads"], config["mlp_ratio"], fused)
            for _ in range(config["decoder_depth"])
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, config["width"])

    def forward(self, tokens: Tensor, views: Views) -> Tensor:
        """Predictions [B,T,C] from projected visible tokens [B,V+1,C]."""
        embedded = self.embed(tokens)
        visible, target = self.pos_embed(views.visible), self.pos_embed(views.target)
        weights = (target @ visible.transpose(1, 2) * target.shape[2] ** -0.5).softmax(-1)
        queries = self.mask_token + weights @ embedded[:, 1:] + target
        memory = torch.cat([embedded[:, :1], embedded[:, 1:] + visible], 1)
        x = torch.cat([self.cls_token.expand(len(queries), -1, -1), queries], 1)
        for block in self.blocks:
            x = block(x, memory)
        return self.head(self.norm(x))[:, 1:]


def patch_discrimination(predictions: Tensor, targets: Tensor, temperature: float, scale: float) -> Tensor:
    """Cross-entropy of standardised predictions [B,T,C] picking their own target of their image's T."""
    predictions = (predictions - predictions.mean(1, keepdim=True)) / (predictions.std(1, keepdim=True) + 1e-4)
    unit, wanted = functional.normalize(predictions, dim=2), functional.normalize(targets, dim=2)
    scores = unit @ wanted.transpose(1, 2) / temperature
    own = torch.arange(scores.shape[1]).expand(scores.shape[0], -1)
    return functional.cross_entropy(scores.flatten(0, 1), own.flatten()) * scale * temperature


def similarity(tokens: Tensor) -> Tensor:
    """Mean cosine over all ordered pairs of an image's tokens [B,N,C]: the squared length of their mean direction."""
    return functional.normalize(tokens, dim=2).mean(1).square().sum(1).mean()


class LatentMIM(nn.Module):
    """Online encoder, target encoder, decoder; the loss of preset "official"."""

    def __init__(self, config: dict[str, Any], fused: bool) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, fused)
        self.target_encoder = copy.deepcopy(self.encoder).requires_grad_(False)
        self.decoder = Decoder(config, fused)

    def patches(self, images: Tensor, cells: Tensor, offsets: Tensor) -> Tensor:
        """Patches [B,N,P·P·channels] of cells [B,N] in crops [B,H,W,channels]."""
        side = self.config["patch_size"]
        stride, columns = side + self.config["patch_gap"], self.config["grid"][1]
        shift = offsets.gather(1, cells[:, :, None].expand(-1, -1, 2))
        top = cells // columns * stride + shift[:, :, 0]
        left = cells % columns * stride + shift[:, :, 1]
        rows = top[:, :, None, None] + torch.arange(side)[:, None]
        at = left[:, :, None, None] + torch.arange(side)
        return images[torch.arange(len(images))[:, None, None, None], rows, at].flatten(2)

    def forward(self, images: Tensor, views: Views, gamma: float, autocast: AbstractContextManager) -> Tensor:
        """The loss; `autocast` surrounds the networks, the objective is always computed in float32."""
        with autocast:
            visible = self.encoder(self.patches(images, views.visible, views.offsets), views.visible)
            predictions = self.decoder(visible, views).float()
            with torch.no_grad():
                seen = self.patches(images, views.target, views.offsets)
                targets = self.target_encoder(seen, views.target)[:, 1:].float()
        config = self.config
        loss = patch_discrimination(predictions, targets, config["temperature"], config["loss_scale"])
        shared = (similarity(predictions) - gamma) ** 2 + (similarity(visible[:, 1:].float()) - gamma) ** 2
        return loss + config["similarity_coefficient"] * shared


class Training:
    """The published step: target average, forward, backward, AdamW."""

    def __init__(self, model: LatentMIM, precision: str, compiled: bool) -> None:
        online = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        decays = [p.ndim >= 2 and not any(word in n for word in ("bias", "norm", "embed")) for n, p in online]
        groups = [
            {"params": [p for (_, p), yes in zip(online, decays, strict=True) if yes == decay], "weight_decay": rate}
            for decay, rate in ((True, 0.05), (False, 0.0))
        ]
        self.model = model
        self.loss = torch.compile(model) if compiled else model
        self.optimizer = torch.optim.AdamW(groups, lr=1e-5, betas=(0.9, 0.95), eps=1e-8, fused=True)
        self.autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")
        self.average = list(model.target_encoder.parameters()), list(model.encoder.parameters())

    def loss_and_gradients(self, images: Tensor, views: Views, gamma: float) -> float:
        """Forward and backward; gradients are left in the parameters."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(images, views, gamma, self.autocast)
        loss.backward()
        return loss.item()

    def step(self, images: Tensor, views: Views, gamma: float, momentum: float = 0.99) -> float:
        """One training step; the loss."""
        with torch.no_grad():
            torch._foreach_lerp_(*self.average, 1 - momentum)
        loss = self.loss_and_gradients(images, views, gamma)
        self.optimizer.step()
        return loss
