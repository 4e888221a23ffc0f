"""What a format is: the functions of its module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from latentmim.export.network import Network

__all__ = ["Kind"]


class Kind(Protocol):
    """A module of this package."""

    def check(self) -> None:
        """Whether what it needs is installed. Raises ImportError."""

    def problems(self, network: Network) -> list[str]:
        """Why it cannot express a network; empty where it can."""

    def write(self, network: Network, folder: str) -> None:
        """Write its files."""

    def metadata(self, network: Network) -> dict[str, Any]:
        """What the head of README.md says."""

    def usage(self, network: Network) -> str:
        """How it is used, in Markdown."""

    def notes(self, network: Network) -> list[str]:
        """What is to be known of its inputs, outputs and sizes, a sentence or two each."""
