"""Words of messages: names that nobody knows and those that were probably meant; how many of something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["counted", "nearest", "refuse_unknown"]

# As many names are read at a glance; of more, only near ones are listed.
FEW = 16


def counted(count: float, one: str, many: str | None = None, *, form: str = ",") -> str:
    """So many of something: "1 epoch", "2 epochs".

    Examples:
        >>> from latentmim.names import counted
        >>> counted(1, "class", "classes"), counted(1200, "image"), counted(2.5, "epoch", form=".3g")
        ('1 class', '1,200 images', '2.5 epochs')

    """
    number = format(count, form)
    return f"{number} {one if number == '1' else many or f'{one}s'}"


def nearest(unknown: Iterable[str], known: Iterable[str]) -> str:
    """The known names that lie nearest to unknown ones, as the rest of a message: "; did you mean 'heads'?"; all, where
    they are few and none is near.

    Examples:
        >>> from latentmim.names import nearest
        >>> nearest(["epoch"], ["epochs", "batch_size"])
        "; did you mean 'epochs'?"

    """
    names = list(dict.fromkeys(known))
    near = [match for name in unknown for match in _near(name, names)]
    if near:
        return f"; did you mean {' or '.join(map(repr, dict.fromkeys(near)))}?"
    return f"; known are {', '.join(names)}" if 0 < len(names) <= FEW else ""


def refuse_unknown(function: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse options that a function does not have.

    Args:
        function: as the user calls it.
        given: names of options.
        known: all it has.

    Raises:
        ValueError: names the function, the options, and the nearest known ones.

    Examples:
        >>> from latentmim.names import refuse_unknown
        >>> refuse_unknown("fit", ["epoch"], ["epochs", "batch_size"])
        Traceback (most recent call last):
            ...
        ValueError: fit: unknown option 'epoch'; did you mean 'epochs'?

    """
    names = list(known)
    if unknown := [name for name in given if name not in names]:
        options = f"option{'s' if unknown[1:] else ''} {', '.join(map(repr, unknown))}"
        raise ValueError(f"{function}: unknown {options}{nearest(unknown, names)}")


def _near(name: str, known: list[str]) -> list[str]:
    """By letters, or by a word that both have."""
    import difflib

    words = {word for word in name.split("_") if len(word) > 2}
    shared = [other for other in known if words & set(other.split("_"))]
    found = difflib.get_close_matches(name, known, n=2, cutoff=0.7)
    return (found or shared or difflib.get_close_matches(name, known, n=2))[:3]
