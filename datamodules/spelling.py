"""Suggests what a mistyped name was meant to be, for every error message alike."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The likeliest of the known names, begun or mistyped, in whatever case; empty if none is."""
    lower = {name.lower(): name for name in known}
    begun = [name for name in lower if len(word) > 2 and name.startswith(word.lower())]
    return next((lower[n] for n in begun or get_close_matches(word.lower(), lower, 1, cutoff)), "")


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The suggestion that ends an error message; empty if no known name is near."""
    near = nearest(word, known, cutoff)
    return f"; did you mean {near}?" if near else ""
