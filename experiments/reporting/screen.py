"""Tables for the screen: they never take more columns than the terminal has."""

import re
from collections.abc import Sequence
from itertools import groupby

from datamodules import text_tables
from datamodules.text_tables import cut, one_line, width
from experiments.common.help_text import columns

Cells = list[list[str]]
_NUMBER = re.compile(
    r"([<≥~] ?)?[-+−]?[\d.,]+(e[-+]?\d+)?( ?%| [kMG]?B)?( ?(±|to) [-+−]?[\d.,e]+)?( \*)?|–|nan|inf|"
)
_COMMAND = re.compile(r"(again|look|values|upload|with an account): |done   ")  # is copied whole
_LABEL = re.compile(r"(note|failed|edits|source|time|screen)(: | +)")


def table(cells: Sequence[Sequence[str]], lead: int = 1, most: int | None = None) -> str:
    """A table in plain columns for the screen; the first row is the header.

    A table that is too wide gets headers of several lines, then long names lose their middle, and
    then it is divided: each part repeats the leading columns.

    Args:
        cells: The rows, all of the same length.
        lead: The number of leading columns, which say of which thing a row is.
        most: The columns of the screen; by default those of the terminal.
    """
    most = most or columns()
    head, *rows = [[one_line(cell) for cell in row] for row in cells]
    right = numeric([head, *rows], lead)
    if _total(_widths([head, *rows])) <= most:
        return text_tables.columns([head, *rows], right)
    heads = _headings(head, rows)
    widths = _shrunk(_widths(_stacked(heads, rows)), set(range(len(head))) - right, most, most // 4)
    parts = [list(range(len(head)))]
    if _total(widths) > most:
        widths, parts = _divided(_widths(_stacked(heads, rows)), lead, most)
    rows = [
        list(row) for row in zip(*map(_cut_apart, zip(*rows, strict=True), widths), strict=True)
    ]
    heads = [[cut(line, widths[at]) for line in lines] for at, lines in enumerate(heads)]
    whole = _stacked(heads, rows)
    shown = []
    for part in parts:
        places = {place for place, at in enumerate(part) if at in right}
        shown.append(text_tables.columns([[row[at] for at in part] for row in whole], places))
    return "\n\n".join(shown)


def numeric(cells: Sequence[Sequence[str]], lead: int) -> set[int]:
    """The columns of numbers behind the leading ones, which are aligned on the right."""
    places = range(lead, len(cells[0]))
    return {at for at in places if all(_NUMBER.fullmatch(row[at]) for row in cells[1:])}


def least_width(cells: Sequence[Sequence[str]]) -> int:
    """The columns that a table takes with headings of several lines, and every cell whole."""
    head, *rows = cells
    return _total(_widths(_stacked(_headings(head, rows), rows)))


def _headings(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Cells:
    """The headings of a table in lines, which are no wider than the columns where words allow."""
    bodies = [max((width(row[at]) for row in rows), default=0) for at in range(len(head))]
    return [_broken(name, body) for name, body in zip(head, bodies, strict=True)]


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(width, column)) for column in zip(*cells, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _broken(name: str, body: int) -> list[str]:
    """A heading in lines that are not wider than its column, if its words allow that."""
    lines = [""]
    for word in filter(None, re.findall(r"[^\s./_]*[\s./_]?", name)):
        if lines[-1].strip() and width(f"{lines[-1]}{word}".rstrip()) > body:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def _stacked(heads: Cells, rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """The headings as lines that end together, and the rows."""
    tall = max(map(len, heads))
    above = [[""] * (tall - len(lines)) + lines for lines in heads]
    return [*([column[line] for column in above] for line in range(tall)), *rows]


def _shrunk(widths: list[int], texts: set[int], most: int, least: int) -> list[int]:
    """Narrows the widest columns of text until the table fits or each is as narrow as may be."""
    widths = list(widths)
    while _total(widths) > most and (wide := [at for at in texts if widths[at] > least]):
        widths[max(wide, key=lambda at: widths[at])] -= 1
    return widths


def _divided(widths: list[int], lead: int, most: int) -> tuple[list[int], list[list[int]]]:
    """The widths and the columns of each part: the leading ones take up to half of the screen."""
    first = _shrunk(widths[:lead], set(range(lead)), most // 2, 4)
    left = most - _total(first) - 2
    widths = first + [min(wide, left) for wide in widths[lead:]]
    parts = [list(range(lead))]
    for at in range(lead, len(widths)):
        if len(parts[-1]) > lead and _total([widths[one] for one in [*parts[-1], at]]) > most:
            parts.append(list(range(lead)))
        parts[-1].append(at)
    return widths, parts


def _cut_apart(names: Sequence[str], most: int) -> list[str]:
    """Cuts names so that those which differ still do, as far as their beginnings tell."""
    short = [cut(name, most) for name in names]
    if len(set(short)) == len(set(names)):
        return short
    first, last = min(long := [n for n in names if width(n) > most]), max(long)
    pairs = enumerate(zip(first, last, strict=False))
    shared = next((at for at, (one, other) in pairs if one != other), len(first))
    rest = [f"…{name[shared:]}" if width(name) > most else name for name in names]
    told = [cut(name, most) for name in rest]
    return told if len(set(told)) > len(set(short)) else short


def shown(document: str, lead: Sequence[int] = ()) -> str:
    """A report in Markdown for the screen: its tables as plain columns, its sentences wrapped.

    Args:
        document: Tables, and lines of text that are paragraphs.
        lead: The leading columns of each table, one by default, as in ``table``.
    """
    most, found, tables = columns(), list[str](), 0
    for kind, rows in parsed(document):
        if kind == "table":
            found.append(table(rows, lead[tables] if tables < len(lead) else 1, most))
            tables += 1
        else:
            found.append("\n".join(line for (row,) in rows for line in text_lines(row, most)))
    return "\n\n".join(found)


def parsed(document: str) -> list[tuple[str, Cells]]:
    """The parts of a report in Markdown: tables as cells, and paragraphs as lines of one cell."""
    found: list[tuple[str, Cells]] = []
    for part in re.split(r"\n\s*\n", document.strip("\n")):
        rows = part.splitlines()
        for is_table, lines in groupby(rows, lambda row: row.startswith("| ")):
            whole = list(lines)
            cells = [_cells(row) for row in [whole[0], *whole[2:]]] if is_table else []
            found.append(("table", cells) if is_table else ("text", [[row] for row in whole]))
    return found


def text_lines(line: str, most: int | None = None) -> list[str]:
    """A line of text in lines of the screen; what is behind ``note:`` stays behind it."""
    most = most or columns()
    if width(line) <= most or _COMMAND.match(line):
        return [line]
    label = match[0] if (match := _LABEL.match(line)) else ""
    return text_tables.wrapped(line[len(label) :], most, " " * len(label), label)


def _cells(line: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    parts = re.split(r"(?<!\\)\|", line.strip()[1:-1])
    return [part.strip().replace(r"\|", "|") for part in parts]
