"""The protocols again, in NumPy and float64: random numbers, shuffles, batch normalisation, LARS, SGD."""

from typing import Any

import numpy as np

INITIALISATION, SHUFFLE = 1, 2
MASK = 0xFFFFFFFF


def philox(counter: tuple[int, ...], seed: int) -> tuple[int, int, int, int]:
    """Ten rounds of Philox4x32."""
    c0, c1, c2, c3 = counter
    k0, k1 = seed & MASK, seed >> 32
    for _ in range(10):
        left, right = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (right >> 32) ^ c1 ^ k0, right & MASK, (left >> 32) ^ c3 ^ k1, left & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def permutation(count: int, seed: int, epoch: int = 0, item: int = 0) -> list[int]:
    """Fisher–Yates, draw i for place i."""
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        words = philox((last, item, epoch, SHUFFLE), seed)
        other = ((words[0] << 32 | words[1]) * (last + 1)) >> 64
        order[last], order[other] = order[other], order[last]
    return order


def first_weights(classes: int, width: int, init_std: float, seed: int) -> np.ndarray:
    """Normal numbers by Box–Muller."""
    words = np.array([philox((i, 0, 0, INITIALISATION), seed)[:2] for i in range(classes * width)], np.float64)
    normal = np.sqrt(-2 * np.log((words[:, 0] + 0.5) / 2**32)) * np.cos(2 * np.pi * words[:, 1] / 2**32)
    return init_std * normal.reshape(classes, width)


class Probe:
    """Batch normalisation without parameters and softmax regression."""

    def __init__(self, classes: int, width: int, init_std: float, seed: int, batch_norm: bool = True) -> None:
        self.weight, self.bias = first_weights(classes, width, init_std, seed), np.zeros(classes)
        self.velocities = [np.zeros_like(self.weight), np.zeros_like(self.bias)]
        self.mean, self.variance, self.batch_norm = np.zeros(width), np.ones(width), batch_norm

    def gradients(self, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Loss and gradients of a training batch."""
        if self.batch_norm:
            mean, variance = x.mean(0), x.var(0)
            self.mean += 0.1 * (mean - self.mean)
            self.variance += 0.1 * (x.var(0, ddof=1) - self.variance)
            x = (x - mean) / np.sqrt(variance + 1e-6)
        logits = x @ self.weight.T + self.bias
        logits -= logits.max(1, keepdims=True)
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        loss = -np.log(shares[np.arange(len(y)), y]).mean()
        shares[np.arange(len(y)), y] -= 1
        return loss, shares.T @ x / len(y), shares.mean(0)

    def lars(self, dw: np.ndarray, db: np.ndarray, rate: float, momentum: float, decay: float, trust: float) -> None:
        """One step; biases go without trust and decay."""
        dw = dw + decay * self.weight
        lengths = np.linalg.norm(self.weight), np.linalg.norm(dw)
        q = trust * lengths[0] / lengths[1] if min(lengths) > 0 else 1
        self._step((q * dw, db), rate, momentum)

    def sgd(self, dw: np.ndarray, db: np.ndarray, rate: float, momentum: float, decay: float) -> None:
        """One step."""
        self._step((dw + decay * self.weight, db + decay * self.bias), rate, momentum)

    def _step(self, steps: tuple[np.ndarray, np.ndarray], rate: float, momentum: float) -> None:
        self.velocities = [momentum * v + step for v, step in zip(self.velocities, steps, strict=True)]
        self.weight = self.weight - rate * self.velocities[0]
        self.bias = self.bias - rate * self.velocities[1]

    def logits(self, x: np.ndarray) -> np.ndarray:
        """In evaluation, by running statistics."""
        if self.batch_norm:
            x = (x - self.mean) / np.sqrt(self.variance + 1e-6)
        return x @ self.weight.T + self.bias


def batches(count: int, batch: int, steps: int, seed: int) -> Any:
    """The rows of every step."""
    per_epoch = count // batch
    for step in range(steps):
        epoch, number = divmod(step, per_epoch)
        yield step, np.array(permutation(count, seed, epoch)[number * batch : (number + 1) * batch])


def linear(
    train: tuple[np.ndarray, np.ndarray], test: np.ndarray, *, base: float, batch: int, epochs: int, warmup: float,
    momentum: float = 0.9, decay: float = 0.0, trust_coefficient: float = 0.001, init_std: float = 0.01, seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Losses of every step, and the test set's logits."""
    x, y = train
    per_epoch = len(x) // batch
    probe, losses = Probe(y.max() + 1, x.shape[1], init_std, seed), []
    for step, rows in batches(len(x), batch, epochs * per_epoch, seed):
        epoch, peak = step / per_epoch, base * batch / 256
        cosine = (1 + np.cos(np.pi * (epoch - warmup) / (epochs - warmup))) / 2
        loss, dw, db = probe.gradients(x[rows], y[rows])
        probe.lars(
            dw, db, peak * epoch / warmup if epoch < warmup else peak * cosine, momentum, decay, trust_coefficient
        )
        losses.append(loss)
    return np.array(losses), probe.logits(test)


def few_shot(
    train: tuple[np.ndarray, np.ndarray], test: np.ndarray, *, shots: int, rate: float, batch: int, iterations: int,
    seed: int, cosine: bool = True, momentum: float = 0.9, decay: float = 0.0, batch_norm: bool = True,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Losses of every step of one run, and the test set's logits."""
    x, y = train
    members = [np.flatnonzero(y == label) for label in range(y.max() + 1)]
    drawn = [rows[permutation(len(rows), seed, item=label + 1)[:shots]] for label, rows in enumerate(members)]
    x, y = x[np.concatenate(drawn)], y[np.concatenate(drawn)]
    probe, losses = Probe(y.max() + 1, x.shape[1], 0.01, seed, batch_norm), []
    for step, rows in batches(len(x), min(batch, len(x)), iterations, seed):
        loss, dw, db = probe.gradients(x[rows], y[rows])
        now = rate * (1 + np.cos(np.pi * step / iterations)) / 2 if cosine else rate
        probe.sgd(dw, db, now, momentum, decay)
        losses.append(loss)
    return np.array(losses), probe.logits(test)
