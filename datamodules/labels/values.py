"""Single values of a label column: integers, fractions, names, lists, and nothing."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from numbers import Number
from typing import Any

Label = int | float | str | None  # None is no label

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+)", re.ASCII)  # an exponent would make 1E2 a number

# What stands in place of a label. Words count in any case.
_SIGNS = {"-", "--", "–", "—", "?", "??"}
_WORDS = {"na", "n/a", "#n/a", "<na>", "nan", "null"}


def parse_label(value: Any) -> Label | list:
    """An integer (1, "1", 1.0), a fraction, a name as typed, several in a list, or None."""
    return list(value) if isinstance(value, list | tuple | dict) else _parse(value)


@lru_cache(4096, typed=True)  # a column has few different labels; 1 is not True
def _parse(value: Any) -> Label:
    if isinstance(value, bool) or not isinstance(value, Number | str | None):
        return str(value)  # true and false, dates
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        if _INTEGER.fullmatch(value) and len(value) < 1000:
            return int(value)
        if not _DECIMAL.fullmatch(value):
            return value
    if value is None or not math.isfinite(value := float(value)):  # type: ignore[arg-type]
        return None
    return int(value) if value.is_integer() else value


def parse_number(value: Any) -> float | str | None:
    """A number, a text that is none, or None for nothing."""
    if isinstance(value, str):
        value = value.strip() or None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None if value is None else str(value)
    if math.isfinite(number):
        return number
    return None if isinstance(value, float) or value.strip("+-").lower() == "nan" else str(value)


def count_fields(columns: Iterable[Iterable[Any]]) -> Counter[Any]:
    """The number of rows of each field, without those that hold lists.

    A column has few different fields, so that each is looked at once.
    """
    counts: Counter[Any] = Counter()
    for fields in columns:
        try:
            found = Counter(fields)  # much faster than row by row
        except TypeError:  # lists
            found = Counter(f for f in fields if not isinstance(f, list | tuple | dict))
        counts.update({f: n for f, n in found.items() if not isinstance(f, tuple)})
    return counts


def count_labels(columns: Iterable[Iterable[Any]]) -> Counter[Label]:
    """The number of rows of each label, without those that hold lists."""
    counts: Counter[Label] = Counter()
    for field, rows in count_fields(columns).items():
        label = parse_label(field)
        assert not isinstance(label, list)
        counts[label] += rows
    return counts


def spelling(value: Any, label: Label) -> str:
    """The name of a label: as typed, but 1 for 1.0."""
    if isinstance(label, int) and isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return value.strip()
    return str(label)


def markers(counts: Counter, chosen: str | None, stated: tuple[str, ...] | None) -> set[Label]:
    """The labels that mark a row without a label.

    A sign (``-``, ``?``) or a word (``NA``, ``nan``, ``null``) counts where at least two other
    labels remain, a sign only if none of them is a sign as well (``+`` and ``-``), and ``NA`` only
    among names that are not codes of two letters (countries). -1 counts where the file names its
    classes, whose ids run from 0.

    Args:
        counts: The number of training rows by label.
        chosen: The markers that the user has named, joined by commas; None for the above.
        stated: The names of the classes, if the file states them.
    """
    if chosen is not None:
        return {
            label for label in map(parse_label, chosen.split(",")) if not isinstance(label, list)
        } - {None}
    found: set[Label] = {label for label in counts if _may_mark(label)}
    others = [label for label in counts if label not in found and label is not None]
    if len(others) < 2 or (stated and found & set(stated)):
        found = set()
    elif not all(any(c.isalnum() for c in str(label)) for label in others):
        found = {label for label in found if str(label).lower() in _WORDS}
    if all(re.fullmatch(r"[A-Za-z]{2}", str(label)) for label in others):
        found = {label for label in found if str(label).lower() != "na"}
    return found | ({-1} if stated else set())


def _may_mark(label: Label) -> bool:
    return isinstance(label, str) and (label in _SIGNS or label.lower() in _WORDS)
