"""Which runs are meant: ``model=LoRA group=ablate 'model.rank>4' 'val/accuracy>0.8'``."""

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from experiments.tracking.run_reader import Run, as_row

_FORM = re.compile(r"([^=<>!]+)(!=|>=|<=|=|>|<)(.*)")
_ORDERS = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
_WORDS = {"true": True, "false": False, "null": None, "none": None, "": None}


@dataclass(frozen=True)
class Filter:
    """One condition. ``=`` takes several values, joined by commas, of which one must fit.

    Args:
        key: of a run's facts, config or metrics.
        sign: = != > < >= <=
    """

    key: str
    sign: str
    value: str

    def fits(self, row: dict[str, Any]) -> bool:
        there = row.get(self.key)
        if self.sign in _ORDERS:
            number = isinstance(there, int | float) and not isinstance(there, bool)
            return number and _ORDERS[self.sign](there, float(self.value))
        held = there if isinstance(there, list) else [there]
        same = any(_same(one, word) for one in held for word in self.value.split(","))
        return same == (self.sign == "=")


def parse(words: list[str]) -> list[Filter]:
    """Filters out of what was typed.

    Raises:
        ValueError: of a word that is no condition, or compares with what is no number.
    """
    found = []
    for word in words:
        if not (parts := _FORM.fullmatch(word)):
            raise ValueError(f"{word}: not a filter; give KEY=VALUE, or 'KEY>NUMBER' in quotes")
        key, sign, value = (part.strip() for part in parts.groups())
        if sign in _ORDERS and _number(value) is None:
            raise ValueError(f"{word}: {value or 'nothing'} is not a number to compare with")
        found.append(Filter(key, sign, value))
    return found


def select(runs: list[Run], filters: list[Filter]) -> list[Run]:
    """The runs that fit all filters, of which each must be of something that some run has.

    Raises:
        ValueError: of an unknown name, with the nearest known one, and where no run is left.
    """
    rows = [as_row(run) for run in runs]
    known = {key for row in rows for key in row}
    for wanted in filters:
        check_known(wanted.key, known)
        kept = [number for number, row in enumerate(rows) if wanted.fits(row)]
        if not kept:
            there = ", ".join(_few({_said(row.get(wanted.key)) for row in rows}))
            word = f"{wanted.key}{wanted.sign}{wanted.value}"
            raise ValueError(f"{word}: fits none of {len(rows)} runs; there are {there}")
        runs, rows = [runs[n] for n in kept], [rows[n] for n in kept]
    return runs


def check_known(name: str, known: set[str], flag: str = "") -> None:
    """Refuse what none of the runs has, and say what is near."""
    if name not in known:
        from modules.backbones import did_you_mean  # with all of torch

        raise ValueError(f"{flag}{name}: no run has that{did_you_mean(name, known)}")


def _few(values: Iterable[str], most: int = 8) -> list[str]:
    ordered = sorted(values)
    return ordered[:most] + ["…"] * (len(ordered) > most)


def _said(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _same(there: Any, word: str) -> bool:
    """Whether a value is what the word says, letters large or small."""
    word = word.strip()
    if there is None or isinstance(there, bool):
        return word.lower() in _WORDS and _WORDS[word.lower()] is there
    if isinstance(there, int | float):
        return _number(word) == there
    return str(there).lower() == word.lower()


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
