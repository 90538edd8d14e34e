"""Names of labels that look like mistakes."""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence

from datamodules.labels.values import parse_label, shortened

_ENDS = " .,;:!?\"'`*()[]{}<>"
_NOTHING = {"unlabelled", "unlabeled", "not labelled", "not labeled", "no label", "unknown"}
_NOTHING |= {"missing", "undefined", "tbd", "todo"}
_MANY = 0.5  # classes by row, above which a column is hardly one of classes
_COMPARED = 200  # names, above which misspellings are not looked for


def warnings(names: Sequence[str], counts: Sequence[int], rows: int) -> list[str]:
    """A line on each kind of mistake that the names of the labels suggest.

    Args:
        names: The names of the labels.
        counts: The training rows of each.
        rows: The number of training rows.
    """
    count_of = dict(zip(names, counts, strict=True))
    found = []
    if alike := _alike(names):
        each = [" and ".join(f"{name!r} ({count_of[name]:,})" for name in same) for same in alike]
        found.append(
            f"{shortened(each, 4)} differ in case, spacing or punctuation only: spell them alike "
            f"if they are one class"
        )
    if close := _misspelt(count_of):
        each = [f"{rare!r} ({count_of[rare]:,}) and {name!r}" for rare, name in close]
        found.append(f"{shortened(each, 4)} may be one class, misspelt")
    if joined := [name for name in names if _is_joined(name, names)]:
        found.append(
            f"{shortened(map(repr, joined), 4)} may be several labels: --model.task MultiLabel "
            f"reads them"
        )
    if nothing := [name for name in names if _is_nothing(name, names)]:
        found.append(
            f"{shortened(map(repr, nothing), 4)} may stand for no label: "
            f"--data.unlabelled {','.join(nothing)} leaves such rows out"
        )
    if len(names) > max(10, _MANY * rows):
        found.append(
            f"{len(names):,} classes for {rows:,} training rows: perhaps the column holds numbers "
            f"(--model.task Regression), ids, or texts"
        )
    return [f"suspicious: {line}" for line in found]


def _folded(name: str) -> str:
    """A name without differences of case, spacing, punctuation and width."""
    text = unicodedata.normalize("NFKC", name).casefold()
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


def _is_joined(name: str, names: Sequence[str]) -> bool:
    """Whether a name is a list, or other names joined by a mark."""
    if len(name) > 1 and name[0] + name[-1] in ("[]", "()", "{}"):
        return True
    parts = [part.strip() for part in re.split(r"[|;,/]", name)]
    return len(parts) > 1 and all(parts) and sum(part in names for part in parts) >= 2


def _is_nothing(name: str, names: Sequence[str]) -> bool:
    """Whether a name says that there is no label, or is -1 beside 0, 1, 2."""
    return name.lower() in _NOTHING or (name == "-1" and {"0", "1", "2"} <= {*names})
