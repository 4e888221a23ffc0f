"""Threads, instruction sets and memory of the compute core."""

from __future__ import annotations

from typing import Literal, NamedTuple

from latentmim import _latentmim as _native

__all__ = ["Memory", "instruction_set", "memory", "set_instruction_set", "set_thread_count", "thread_count"]


def thread_count() -> int:
    """Threads that compute, the caller's included. Results do not depend on their number."""
    return _native.thread_count()


def set_thread_count(count: int) -> None:
    """Compute with so many threads from now on. Raises ValueError outside 1 … 256."""
    _native.set_thread_count(count)


def instruction_set() -> str:
    """The instruction set of the inner loops: "portable", "avx2" or "avx512"."""
    return _native.instruction_set()


def set_instruction_set(name: Literal["portable", "avx2", "avx512"]) -> None:
    """Use another instruction set, to compare or to measure. Raises ValueError where the machine does not have it."""
    _native.set_instruction_set(name)


class Memory(NamedTuple):
    """Memory of the core's arrays: blocks asked of the system so far, bytes in use, at most in use, kept for reuse."""

    allocations: int
    in_use: int
    peak: int
    kept: int


def memory() -> Memory:
    """How much memory the core's arrays take."""
    return Memory(*_native.memory_statistics())
