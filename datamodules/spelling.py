"""Names in messages: the one that a mistyped name was meant to be, and lists that are cut."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Any

CLASS_FORMS = "package.MyClass or ./file.py:MyClass"  # of the user's own, as a flag names it
CLASS_IN_FILE = re.compile(r"(?P<file>[^:{}\n]+\.py):(?P<name>[A-Za-z_]\w*)")  # the second form


def names_file(text: object) -> bool:
    """Tell whether a text names a class of a file, as ``./file.py:MyClass``."""
    return isinstance(text, str) and CLASS_IN_FILE.fullmatch(text) is not None


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The likeliest of the known names, begun or mistyped, in whatever case; empty if none is."""
    lower = {name.lower(): name for name in known}
    begun = [name for name in lower if len(word) > 2 and name.startswith(word.lower())]
    return next((lower[n] for n in begun or get_close_matches(word.lower(), lower, 1, cutoff)), "")


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The suggestion that ends an error message; empty if no known name is near."""
    near = nearest(word, known, cutoff)
    return f"; did you mean {near}?" if near else ""


def listed(names: Iterable[Any], most: int = 8, joint: str = ", ") -> str:
    """The first names in one line, with dots if there are more."""
    words = [str(name) for name in islice(names, most + 1)]
    return joint.join([*words[:most], *["..."] * (len(words) > most)])
