"""The names of the columns of a table: out of its first row, or found where there is no header."""

import re
from collections.abc import Sequence
from itertools import chain

KNOWN = frozenset(
    "text sentence sentence1 sentence2 label labels class category target tag tags sentiment score "
    "rating stars review comment body content title question question1 question2 answer premise "
    "hypothesis id idx index message document article summary tweet headline description prompt "
    "completion response instruction output input source date name url author lang language split "
    "emotion intent topic kind type gold_label".split()
)
_LONG = 60  # characters of a cell that is rather a text than a name


def has_header(rows: Sequence[Sequence[str]], wanted: Sequence[str] = ()) -> bool:
    """Whether the first of these rows names the columns.

    Args:
        rows: The first rows of a table.
        wanted: Names that the user gave for columns.
    """
    first, *others = [[cell.strip() for cell in row] for row in rows]
    # A header that stands in the file twice, where files were joined, is no value of its column.
    others = [row for row in others if len(row) == len(first) and row != first]
    if set(wanted) & set(first):
        return True
    if all(cell == str(i) for i, cell in enumerate(cell for cell in first if cell)):
        # Pandas names columns by numbers; a row of data would not count from 0.
        return len([cell for cell in first if cell]) > 1
    columns = [[row[i] for row in others if row[i]] for i in range(len(first))]
    numeric = [bool(column) and all(map(is_number, column)) for column in columns]
    cells = list(zip(first, numeric, columns, strict=True))
    if any(cell and yes and not is_number(cell) for cell, yes, _ in cells):
        return True
    if any(is_number(cell) for cell in first):
        return False
    recurs = [bool(cell) and cell in column for cell, _, column in cells]
    if any(c.lower() in KNOWN and not again for c, again in zip(first, recurs, strict=True)):
        return True
    return not any(recurs) and not any(len(cell) > _LONG for cell in first)


def is_number(cell: str) -> bool:
    """Whether a cell holds a number."""
    return bool(re.fullmatch(r"\s*[-+]?(\d[\d_,]*\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", cell))


def names_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The names of the columns out of the header; a column without a name is called by its number.

    Args:
        header: The cells of the first row.
        rows: Other rows. Those that R writes begin with their number, for which there is no name.
    """
    names = [cell.strip() for cell in header]
    firsts = [row[0] for row in rows if len(row) == len(names) + 1]
    if len(firsts) * 2 > len(rows) and len(set(firsts)) == len(firsts):
        names = ["", *names] if all(map(str.isdecimal, firsts)) else names
    return [name or f"column {number}" for number, name in enumerate(names, 1)]


def guess_names(columns: Sequence[Sequence[str | None]]) -> tuple[list[str], str]:
    """Names for the columns of a table without a header, and a note about them.

    The column of the longest texts is "text", and the one of the fewest different values is
    "label". The others are called by their numbers.
    """
    names = [f"column {number}" for number in range(1, len(columns) + 1)]
    if not columns:
        return names, ""
    step = max(1, len(columns[0]) // 2000)
    samples = [[cell or "" for cell in column[::step]] for column in columns]
    lengths = [sum(map(len, sample)) for sample in samples]
    text = lengths.index(max(lengths))
    names[text] = "text"
    different = {
        i: len(set(sample))
        for i, sample in enumerate(samples)
        if i != text and "" not in sample and 1 < len(set(sample)) <= max(50, len(sample) // 10)
    }
    note = f"no header: column {text + 1} is read as 'text'"
    if different:
        label = min(different, key=lambda i: different[i])
        names[label] = "label"
        note += f" and column {label + 1} as 'label'"
    return names, note


def duplicates(names: Sequence[str]) -> list[str]:
    """The names that occur twice."""
    seen: set[str] = set()
    return list(dict.fromkeys(n for n in chain(names) if n in seen or seen.add(n)))  # type: ignore[func-returns-value]
