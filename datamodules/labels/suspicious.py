"""Names of labels that look like mistakes."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from datamodules.labels.values import parse_label
from datamodules.spelling import listed

_ENDS = " .,;:!?\"'`*()[]{}<>"
_NOTHING = {"unlabelled", "unlabeled", "not labelled", "not labeled", "no label", "unknown"}
_NOTHING |= {"missing", "undefined", "tbd", "todo"}
_MANY = 0.5  # classes by row, above which a column is hardly one of classes
_FAR = 10  # times the distance between the quartiles, beyond which a number is hardly one
_COMPARED = 200  # names, above which misspellings are not looked for


def name_warnings(
    names: Sequence[str], counts: Sequence[int], rows: int, several: bool = False
) -> list[str]:
    """A line on each kind of mistake that the names of the labels suggest.

    Args:
        names: The names of the labels.
        counts: The training rows of each.
        rows: The number of training rows.
        several: Whether a row may have several labels.
    """
    count_of = dict(zip(names, counts, strict=True))
    found = []
    if alike := _alike(names):
        each = [" and ".join(f"{name!r} ({count_of[name]:,})" for name in same) for same in alike]
        found.append(
            f"{listed(each, 4)} differ in case, spacing or punctuation only: spell them alike "
            f"if they are one class"
        )
    if close := _misspelt(count_of):
        each = [f"{rare!r} ({count_of[rare]:,}) and {name!r}" for rare, name in close]
        found.append(f"{listed(each, 4)} may be one class, misspelt")
    if joined := _joined(names):
        found.append(
            f"{listed(map(repr, joined), 4)} may be several labels: "
            f"{'--data.label_delimiter separates' if several else '--model.task MultiLabel reads'} "
            f"them"
        )
    if nothing := [name for name in names if _is_nothing(name, names)]:
        found.append(
            f"{listed(map(repr, nothing), 4)} may stand for no label: "
            f"--data.unlabelled {','.join(nothing)} leaves such rows out"
        )
    if len(names) > max(10, _MANY * rows) and not several:
        found.append(
            f"{len(names):,} classes for {rows:,} training rows: perhaps the column holds numbers "
            f"(--model.task Regression), ids, or texts"
        )
    return [f"suspicious: {line}" for line in found]


def number_warnings(values: np.ndarray) -> list[str]:
    """Lines on numbers that are all alike, or far from all others.

    Args:
        values: The training labels, (N,).
    """
    low, high = np.quantile(values, [0.25, 0.75])
    if values.min() == values.max():
        return [f"suspicious: all training rows have the number {values[0]:g}"]
    far = np.unique(
        values[(values < low - _FAR * (high - low)) | (values > high + _FAR * (high - low))]
    )
    if not len(far) or low == high or len(far) > 3:
        return []
    named = ",".join(f"{value:g}" for value in far)
    return [
        f"suspicious: {named} are far from all others: if such rows have no label, "
        f"--data.unlabelled {named} leaves them out"
    ]


def _folded(name: str) -> str:
    """A name without differences of case, spacing, punctuation and width."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")  # spaces without width
    return re.sub(r"[\s_-]+", " ", text).strip(_ENDS) or name


def _alike(names: Sequence[str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        if isinstance(parse_label(name), str):  # -1 and 1 are not alike
            groups.setdefault(_folded(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _misspelt(count_of: Mapping[str, int]) -> list[tuple[str, str]]:
    """Rare names that are close to one at least ten times as frequent."""
    if len(count_of) > _COMPARED:
        return []
    found = []
    for rare, few in count_of.items():
        # Without digits, because class 1 is not class 2.
        letters = {_letters(name): name for name, many in count_of.items() if many >= 10 * few > 0}
        close = difflib.get_close_matches(_letters(rare), letters, 1, 0.85)
        if close and len(rare) > 4 and close[0] != _letters(rare):
            found.append((rare, letters[close[0]]))
    return found


def _letters(name: str) -> str:
    return re.sub(r"\d", "", _folded(name))


def _joined(names: Sequence[str]) -> list[str]:
    """The names that are lists, or whose parts other names have as well."""
    parts = {name: {part.strip() for part in re.split(r"[|;,/]", name)} for name in names}
    counts = Counter(part for found in parts.values() for part in found)
    lists = [name for name in names if len(name) > 1 and name[0] + name[-1] in ("[]", "()", "{}")]
    return lists + [
        name
        for name, found in parts.items()
        if len(found) > 1 and all(part and counts[part] > 1 for part in found)
    ]


def _is_nothing(name: str, names: Sequence[str]) -> bool:
    """Whether a name says that there is no label, or is -1 beside 0, 1, 2 and no -2."""
    ids = name == "-1" and {"0", "1", "2"} <= {*names} and "-2" not in names
    return ids or name.lower() in _NOTHING
