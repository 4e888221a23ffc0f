"""Threads, instruction sets and memory of the compute core."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

from latentmim import _latentmim as _native

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Memory",
    "ProfileEntry",
    "feature_precisions",
    "instruction_set",
    "is_thread_count_set",
    "measure_peak",
    "measure_product",
    "memory",
    "precisions",
    "profile",
    "set_instruction_set",
    "set_thread_count",
    "thread_count",
]

_is_set = False


def thread_count() -> int:
    """Threads that compute, the caller's included. Results do not depend on their number.

    Examples:
        >>> 1 <= lm.thread_count() <= 256
        True

    """
    return _native.thread_count()


def set_thread_count(count: int) -> None:
    """Compute with so many threads from now on. Raises ValueError outside 1 … 256.

    Examples:
        >>> count = lm.thread_count()
        >>> lm.set_thread_count(2)
        >>> lm.thread_count()
        2
        >>> lm.set_thread_count(count)

    """
    global _is_set
    _native.set_thread_count(count)
    _is_set = True


def is_thread_count_set() -> bool:
    """Whether `set_thread_count` was called; else there are as many threads as processors that the calling thread may
    run on, at any time.

    Examples:
        >>> lm.set_thread_count(lm.thread_count())
        >>> lm.runtime.is_thread_count_set()
        True

    """
    return _is_set


def instruction_set() -> str:
    """The instruction set of the inner loops: "portable", "avx2", "avx512", "avx512bf16" or "amx".

    "avx512bf16" is AVX-512 with conversions and dot products of bfloat16, "amx" that and Intel's AMX.

    Examples:
        >>> lm.runtime.instruction_set() in ("portable", "avx2", "avx512", "avx512bf16", "amx")
        True

    """
    return _native.instruction_set()


def precisions() -> list[Literal["float32", "bf16"]]:
    """The precisions that "auto" chooses from, its choice last: "bf16" needs AVX512-BF16.

    Examples:
        >>> "float32" in lm.runtime.precisions()
        True

    """
    return ["float32", "bf16"] if _native.has_precision("bf16") else ["float32"]


def feature_precisions() -> list[Literal["float32", "bf16", "int8"]]:
    """Those that features and, where it is asked to, training are computed in: "int8" needs AVX2.

    Examples:
        >>> "float32" in lm.runtime.feature_precisions()
        True

    """
    return [*precisions(), "int8"] if _native.has_precision("int8") else [*precisions()]


def set_instruction_set(name: Literal["portable", "avx2", "avx512", "avx512bf16", "amx"]) -> None:
    """Use another instruction set, to compare or to measure. Raises ValueError where the machine does not have it.

    Examples:
        >>> best = lm.runtime.instruction_set()
        >>> lm.runtime.set_instruction_set("portable")
        >>> lm.runtime.precisions()
        ['float32']
        >>> lm.runtime.set_instruction_set(best)

    """
    _native.set_instruction_set(name)


def measure_peak(precision: Literal["float32", "bf16", "int8"] = "float32", *, seconds: float = 0.2) -> float:
    """Floating-point operations a second that all threads reach in registers only: the limit of everything else.

    Raises ValueError for a precision that this machine does not have.

    Examples:
        >>> lm.runtime.measure_peak(seconds=0.01) > 0
        True

    """
    return _native.measure_peak(precision, seconds)


def measure_product(
    kind: Literal["forward", "input_gradient", "weight_gradient"],
    rows: int,
    out_width: int,
    in_width: int,
    *,
    precision: Literal["float32", "bf16", "int8"] = "float32",
    seconds: float = 0.2,
) -> float:
    """Floating-point operations a second of one of a linear map's products: x·Wᵀ, dy·W or dyᵀ·x of `rows` tokens.

    Raises ValueError for a precision that this machine does not have, sizes outside 1 … 2²⁴, and the gradient of
    weights in int8.

    Examples:
        >>> lm.runtime.measure_product("forward", 64, 48, 48, seconds=0.01) > 0
        True

    """
    return _native.measure_product(kind, rows, out_width, in_width, precision, seconds)


class ProfileEntry(NamedTuple):
    """One kind of operation in a profile: calls, seconds, operations of its products, bytes it must at least move.

    Examples:
        >>> with lm.runtime.profile() as entries:
        ...     _ = encoder.features(image, resize="nearest")
        >>> sum(entry.flops for entry in entries) > 1e6
        True

    """

    name: str
    calls: int
    seconds: float
    flops: float
    bytes: float


@contextmanager
def profile() -> Iterator[list[ProfileEntry]]:
    """Where the time of the code inside goes; the list is filled, slowest first, when it ends.

    Examples:
        >>> with lm.runtime.profile() as entries:
        ...     _ = encoder.features(image, resize="nearest")
        >>> entries[0].seconds >= entries[-1].seconds
        True

    """
    entries: list[ProfileEntry] = []
    _native.profile_start()
    try:
        yield entries
    finally:
        found = json.loads(_native.profile_stop())
        entries.extend(
            sorted((ProfileEntry(name, *values) for name, values in found.items()), key=lambda e: -e.seconds)
        )


class Memory(NamedTuple):
    """Memory of the core's arrays: blocks asked of the system so far, bytes in use, at most in use, kept for reuse.

    Examples:
        >>> lm.runtime.memory()._fields
        ('allocations', 'in_use', 'peak', 'kept')

    """

    allocations: int
    in_use: int
    peak: int
    kept: int


def memory() -> Memory:
    """How much memory the core's arrays take.

    Examples:
        >>> lm.runtime.memory().peak >= lm.runtime.memory().in_use
        True

    """
    return Memory(*_native.memory_statistics())
