"""Arguments that a class does not read beside some values of another argument."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Unread(NamedTuple):
    """Arguments that have no effect, which a command line that gives them has to hear.

    A class lists them in its attribute ``unread``; those of its bases hold too.

    Attributes:
        names: The arguments.
        other: The argument of the same class that decides.
        when: Whether they are not read beside this value of it.
        refused: Whether a command line that gives them is refused; if not, it is told.
    """

    names: tuple[str, ...]
    other: str
    when: Callable[[Any], bool]
    refused: bool = True


def given(value: Any) -> bool:
    """Tell whether an argument has a value."""
    return value is not None


def off(value: Any) -> bool:
    """Tell whether an argument has none, is false, zero, or the word none."""
    return not value or value == "none"


# A number of rows takes the place of a budget of tokens, which may stand in a script's base line.
BY_ROWS = Unread(("batch_tokens",), "batch_size", given, refused=False)


def declared(cls: type) -> list[Unread]:
    """Return the lists of a class and of its bases.

    Raises:
        ValueError: If an entry is no :class:`Unread`, as where the comma of a tuple is missing.
    """
    found = [one for base in cls.__mro__ for one in vars(base).get("unread", ())]
    if not all(isinstance(one, Unread) for one in found):
        raise ValueError(f"{cls.__name__}.unread: must be a tuple of Unread(...)")
    return found
