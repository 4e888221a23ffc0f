"""Schedules, AdamW and the target's average."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from reference.configuration import Array, Parameters


@dataclass(frozen=True)
class Training:
    """What the schedules depend on, progress and warm-up in fractions of the whole run."""

    peak_lr: float
    warmup: float = 0.1
    final_fraction: float = 0.25  # of the peak; the warm-up starts there too. The paper's preset: 0
    momentum: float = 0.99
    gamma_start: float = 0.75
    gamma_end: float = 0.25


def schedule(training: Training, progress: float) -> tuple[float, float, float]:
    """Learning rate, target momentum and γ at `progress` in [0, 1)."""
    falling = 0.5 * (1 + math.cos(math.pi * progress))
    if progress < training.warmup:
        share = progress / training.warmup
    else:
        share = 0.5 * (1 + math.cos(math.pi * (progress - training.warmup) / (1 - training.warmup)))
    lr = training.peak_lr * (training.final_fraction + share * (1 - training.final_fraction))
    momentum = 1 - falling * (1 - training.momentum)
    gamma = training.gamma_end + falling * (training.gamma_start - training.gamma_end)
    return lr, momentum, gamma


def decays(name: str, ndim: int) -> bool:
    """Whether weight decay applies: two or more dimensions and none of `bias`, `norm`, `embed` in the name."""
    return ndim >= 2 and not any(word in name for word in ("bias", "norm", "embed"))


class AdamWState(NamedTuple):
    """Steps taken, and both moments by parameter name."""

    step: int | Array
    first: Parameters
    second: Parameters


def adamw_state(params: Parameters) -> AdamWState:
    """The state before the first step."""
    zeros = {name: jnp.zeros_like(value) for name, value in params.items()}
    return AdamWState(0, zeros, dict(zeros))


@jax.jit
def adamw_step(
    params: Parameters,
    grads: Parameters,
    state: AdamWState,
    lr: float,
    weight_decay: float = 0.05,
    betas: tuple[float, float] = (0.9, 0.95),
    epsilon: float = 1e-8,
) -> tuple[Parameters, AdamWState]:
    """One AdamW step: decay first, then the bias-corrected step; new parameters and state."""
    beta1, beta2 = betas
    step = state.step + 1
    first, second, updated = {}, {}, {}
    for name, value in params.items():
        gradient = grads[name]
        first[name] = beta1 * state.first[name] + (1 - beta1) * gradient
        second[name] = beta2 * state.second[name] + (1 - beta2) * gradient**2
        mean = first[name] / (1 - beta1**step)
        deviation = jnp.sqrt(second[name] / (1 - beta2**step))
        if decays(name, value.ndim):
            value = value - lr * weight_decay * value
        updated[name] = value - lr * mean / (deviation + epsilon)
    return updated, AdamWState(step, first, second)


def update_target(target: Parameters, online: Parameters, momentum: float) -> Parameters:
    """target ← m · target + (1 − m) · online, matched by name."""
    return {
        name: momentum * value + (1 - momentum) * online[name.removeprefix("target_")] for name, value in target.items()
    }
