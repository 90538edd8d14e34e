"""Several labels in one field: a list, the text of a list, or names joined by a delimiter."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from datamodules.files.dialects import NAMES
from datamodules.labels.values import Label, parse_label, spelling

_DELIMITERS = ("|", ";", ",")
_SHARE = 0.2  # of the joined rows must have a delimiter, before it is preferred to the next
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def find_delimiter(values: Sequence[Any], chosen: str) -> str | None:
    """The delimiter between the labels of a field, found over the column; None if there is none.

    Args:
        values: The fields as the file has them.
        chosen: auto, none, or the delimiter itself or its name.
    """
    if chosen != "auto":
        return None if chosen == "none" else NAMES.get(chosen, chosen)
    counts = Counter(value for value in values if isinstance(value, str))
    texts = {text: count for text, count in counts.items() if not _is_list(text)}
    rows = {mark: sum(n for text, n in texts.items() if mark in text) for mark in _DELIMITERS}
    joined = sum(n for text, n in texts.items() if any(mark in text for mark in _DELIMITERS))
    found = [mark for mark in _DELIMITERS if rows[mark] and rows[mark] >= _SHARE * joined]
    if found:
        return found[0]
    spaced = any(" " in text.strip() for text in texts)
    return " " if spaced and all(re.fullmatch(r"[\d\s]*", text) for text in texts) else None


def parse_list(value: Any, delimiter: str | None) -> list[tuple[Label, str]] | None:
    """The labels of a field, each parsed and as typed; None where the row has no field."""
    if value is None or value != value:
        return None
    if isinstance(value, dict):  # name: 0 or 1
        value = [name for name, holds in value.items() if holds]
    if isinstance(value, str):
        text = value.strip()
        if _is_list(text):
            value = _parse_text(text)
        else:
            value = text.split(delimiter) if delimiter else [text]
    row: list[tuple[Label, str]] = []
    for part in value if isinstance(value, list | tuple) else [value]:
        label = parse_label(part)
        if label is not None and not isinstance(label, list):
            row.append((label, spelling(part, label)))
    return row


def _is_list(text: str) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] + text[-1] in ("[]", "()", "{}")


def _parse_text(text: str) -> list:
    """The parts of a list as JSON, Python or numpy print it: ["a"], ['a', 'b'], ['a' 'b'], [a]."""
    quoted = [one or other for one, other in _QUOTED.findall(text)]
    if re.search(r"['\"]\s+['\"]", text):  # Python would join 'a' 'b' to one text
        return quoted
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, dict):
            return [name for name, holds in found.items() if holds]
        return list(found) if isinstance(found, list | tuple | set) else [found]
    inner = text[1:-1]
    parts = inner.split(",") if "," in inner else inner.split()
    return [part.strip().strip("'\"") for part in parts]


def looks_several(field: Any, delimiter: str | None) -> bool:
    """Whether a field looks like several labels: a list, or joined by the delimiter."""
    if not isinstance(field, str):
        return isinstance(field, list | tuple | dict)
    return _is_list(field) or (delimiter is not None and delimiter in field)


def parts_recur(fields: Iterable[str], delimiter: str) -> bool:
    """Whether names joined by a delimiter are labels, by the parts that they share.

    Of labels, most combinations have all of their parts in other combinations as well. Names with
    a comma in them ("Smith, Ann") do not.
    """
    rows = {tuple(part.strip() for part in field.split(delimiter)) for field in fields}
    counts = Counter(part for parts in rows for part in set(parts))
    joined = [parts for parts in rows if len(parts) > 1]
    return 2 * sum(all(counts[part] > 1 for part in parts) for parts in joined) >= len(joined)
