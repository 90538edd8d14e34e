"""Texts that come more than once: with different labels, or in two splits."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import combinations, compress
from typing import Any

import numpy as np

from datamodules.spelling import listed

_SHOWN = 3  # texts that a line names
_MANY = 0.05  # conflicts by row, above which they are hardly slips
_LENGTH = 40  # characters of a text that a line shows


def normalized(text: str) -> str:
    """A text without differences of spacing and case."""
    return " ".join(text.split()).lower()


def excerpt(text: str, length: int = _LENGTH) -> str:
    """The beginning of a text on one line, without characters that a terminal would obey."""
    line = "".join(c for c in " ".join(text[: 4 * length].split()) if c.isprintable())
    return line if len(line) <= length else f"{line[: length - 2].rstrip()} …"


def conflicts(
    exact: Iterable[Hashable], alike: np.ndarray, labels: Sequence[Any]
) -> tuple[list[list[int]], list[list[int]]]:
    """The positions of each text whose copies have different labels.

    Args:
        exact: The N texts.
        alike: A number for each, which is the same for texts that differ in case or spacing only.
        labels: Their labels.

    Returns:
        The positions of exact copies; then those of the first of the copies that are alike.
    """
    _, inverse, counts = np.unique(alike, return_inverse=True, return_counts=True)
    first: dict[Hashable, int] = {}
    copies: dict[Hashable, list[int]] = {}
    for i, key in compress(enumerate(exact), (counts[inverse] > 1).tolist()):
        at = first.setdefault(key, i)
        if at != i:
            copies.setdefault(key, [at]).append(i)
    near: dict[int, list[int]] = {}
    for i in first.values():
        near.setdefault(int(alike[i]), []).append(i)
    return _differing(copies.values(), labels), _differing(near.values(), labels)


def _differing(groups: Iterable[list[int]], labels: Sequence[Any]) -> list[list[int]]:
    return [at for at in groups if any(labels[i] != labels[at[0]] for i in at)]


def conflict_warning(
    found: Sequence[Sequence[int]],
    texts: Sequence[str],
    rows: Sequence[int | str],
    label_of: Callable[[int], str],
    decision: str,
) -> str:
    """A line on texts with different labels.

    Args:
        found: The positions of the copies of each text.
        texts: The texts of the split.
        rows: Their row numbers.
        label_of: Gives the label of a position, in words.
        decision: Which labels differ, and what becomes of these texts.
    """
    named = []
    for at in found[: _SHOWN + 1]:
        differing = [i for i in at[1:] if label_of(i) != label_of(at[0])][:1]
        labels = ", ".join(f"{_at(rows[i])}: {label_of(i)}" for i in [at[0], *differing])
        named.append(f'"{excerpt(texts[at[0]])}" ({labels})')
    count = "1 text has" if len(found) == 1 else f"{len(found):,} texts have"
    more = ""
    if len(found) > max(10, _MANY * len(texts)):
        more = "; several labels a text are for --model.task MultiLabel, one row a text"
    return f"conflict: {count} different {decision}: {listed(named, _SHOWN, '; ')}{more}"


def shared_texts(
    keys: Mapping[str, np.ndarray],
) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """The positions of the texts that two splits share, in the one and in the other."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for one, other in combinations(keys, 2):
        _, here, there = np.intersect1d(keys[one], keys[other], return_indices=True)
        if len(here):
            order = np.argsort(there)
            found[one, other] = list(zip(here[order].tolist(), there[order].tolist(), strict=True))
    return found


def shared_warning(
    splits: tuple[str, str],
    places: Sequence[tuple[int, int]],
    texts: Sequence[str],
    rows: tuple[Sequence[int | str], Sequence[int | str]],
    differing: int = 0,
) -> str:
    """A line on the texts that two splits share.

    Args:
        splits: The two splits.
        places: The positions of each text in the one and in the other.
        texts: The texts of the first split.
        rows: The row numbers of both splits.
        differing: The number of these texts that have another label in the other split.
    """
    one, other = splits
    named = (
        f'"{excerpt(texts[i])}" ({_at(rows[0][i])} of {one}, {_at(rows[1][j])} of {other})'
        for i, j in places[: _SHOWN + 1]
    )
    count = f"1 {other} text is" if len(places) == 1 else f"{len(places):,} {other} texts are"
    other_label = f", {differing:,} of them with another label" if differing else ""
    return f"shared: {count} in {one} as well{other_label}: {listed(named, _SHOWN, '; ')}"


def _at(row: int | str) -> str:
    """A row by its number, or the file that has it."""
    return row if isinstance(row, str) else f"row {row}"
