"""Filters that choose runs: ``model=LoRA group=ablate 'model.rank>4' 'val/accuracy>0.8'``."""

import operator
import re
from dataclasses import dataclass
from typing import Any

from datamodules.spelling import did_you_mean, listed
from experiments.tracking.run_reader import RunRecord, as_row

_FORM = re.compile(r"([^=<>!]+)(!=|>=|<=|=|>|<)(.*)")
_ORDERS = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
_WORDS = {"true": True, "false": False, "null": None, "none": None, "": None}


@dataclass(frozen=True)
class Filter:
    """One condition on a run.

    Args:
        key: A name among a run's facts, config or metrics.
        sign: One of = != > < >= <=.
        value: The value to compare with; with ``=`` and ``!=``, also several values joined by
            commas, any of which may fit.
    """

    key: str
    sign: str
    value: str

    def fits(self, row: dict[str, Any]) -> bool:
        """Tells whether a run, as a flat row, meets the condition."""
        there = row.get(self.key)
        if self.sign in _ORDERS:
            number = isinstance(there, int | float) and not isinstance(there, bool)
            return number and _ORDERS[self.sign](there, float(self.value))
        held = there if isinstance(there, list) else [there]
        same = any(_same(one, word) for one in held for word in self.value.split(","))
        return same == (self.sign == "=")


def parse(words: list[str]) -> list[Filter]:
    """Parses the filters of a command line.

    Raises:
        ValueError: If a word is no condition, or its order is compared with something other than a
            number.
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


def select(runs: list[RunRecord], filters: list[Filter]) -> list[RunRecord]:
    """The runs that meet all filters.

    Raises:
        ValueError: If no run has a filter's key, or if no run is left.
    """
    rows = [as_row(run) for run in runs]
    known = {key for row in rows for key in row}
    for wanted in filters:
        check_known(wanted.key, known)
        kept = [number for number, row in enumerate(rows) if wanted.fits(row)]
        if not kept:
            there = listed(sorted({_said(row.get(wanted.key)) for row in rows}))
            word = f"{wanted.key}{wanted.sign}{wanted.value}"
            raise ValueError(f"{word}: fits none of {len(rows)} runs; there are {there}")
        runs, rows = [runs[n] for n in kept], [rows[n] for n in kept]
    return runs


def check_known(name: str, known: set[str], flag: str = "") -> None:
    """Checks that a run has this name; the error suggests a similar one.

    Raises:
        ValueError: If the name is not known.
    """
    if name not in known:
        raise ValueError(f"{flag}{name}: no run has that{did_you_mean(name, known)}")


def _said(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _same(there: Any, word: str) -> bool:
    """Tells whether a value equals a word; upper and lower case are alike."""
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
