"""Rows of fields to rows of a table's columns: a header or none, and rows that are not as wide."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple

from datamodules.files.headers import duplicates, guess_names, has_header, is_number, names_of
from datamodules.files.table import BadRow, ReadOptions, UnreadableRow

SAMPLE = 1000  # rows that tell whether there is a header, and what the columns hold
Rows = Iterator[tuple[int, Sequence | BadRow]]


class NamedRows(NamedTuple):
    """Rows of as many values each as there are columns.

    Attributes:
        columns: The names of the columns.
        rows: Each row with its number.
        header: Whether the names stand in the file.
    """

    columns: list[str]
    rows: Rows
    header: bool = True


@dataclass
class _Shape:
    """What the columns of a table hold, to tell a row with an extra field from a broken one.

    Attributes:
        width: The number of columns.
        numbers: Whether a column holds numbers only.
        values: The values of a column that has few of them.
        joined: Whether the delimiter is one that occurs in texts.
    """

    width: int
    numbers: list[bool]
    values: list[set[str] | None]
    joined: bool
    longer: list[int] = field(default_factory=list)
    shorter: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, rows: list[Sequence[str]], width: int, joined: bool) -> "_Shape":
        columns = [[row[i].strip() for row in rows if len(row) == width] for i in range(width)]
        filled = [[cell for cell in column if cell] for column in columns]
        numbers = [bool(column) and all(map(is_number, column)) for column in filled]
        values = [set(column) if len(set(column)) * 3 <= len(column) else None for column in filled]
        return cls(width, numbers, values, joined)

    def _is_free(self, place: int) -> bool:
        return not self.numbers[place] and self.values[place] is None

    def fit(self, number: int, row: Sequence[str]) -> Sequence | BadRow:
        """The row with as many fields as there are columns, or why that cannot be."""
        fault = BadRow(
            f"the table has {self.width} columns and this row {len(row)} "
            f"field{'s' * (len(row) != 1)}: check its tabs, commas or quotes"
        )
        for place, cell in enumerate(cell.strip() for cell in row[: self.width]):
            wrong = self.numbers[place] and not is_number(cell)
            strange = (values := self.values[place]) is not None and cell not in values
            if cell and (wrong or (strange and not self.numbers[place])):
                return fault
        if len(row) > self.width:
            # A delimiter inside of a text in the last column looks just the same.
            if self.joined and self._is_free(self.width - 1) and any(row[self.width :]):
                return fault
            self.longer.append(number)
            return row[: self.width]
        if len(row) == 1:
            return fault
        self.shorter.append(number)
        return [*row, *[""] * (self.width - len(row))]

    def notes(self, count: int) -> Iterator[str]:
        """Remarks about the rows that were not as wide as the table."""
        for rows, what in (
            (self.longer, "more fields than the table has columns: what is beyond is not read"),
            (self.shorter, "fewer fields than the table has columns: the rest is empty"),
        ):
            if rows:
                yield f"{len(rows):,} of {count:,} rows have {what} (the first is row {rows[0]})"


def name_rows(rows: Rows, options: ReadOptions, joined: bool, notes: list[str]) -> NamedRows:
    """Name the columns, and bring each row to their number.

    Args:
        rows: The rows as they stand in the file, with the header if there is one.
        options: How files are read.
        joined: Whether the delimiter is one that occurs in texts.
        notes: A list to which remarks are added; the last ones when all rows were read.

    Raises:
        UnreadableRow: For two columns of one name.
    """
    start = list(islice(rows, SAMPLE))
    good = [row for _, row in start if not isinstance(row, BadRow)]
    if not good:
        return NamedRows([], iter(start))
    header = options.header
    if header == "auto":
        header = has_header(good, options.columns)
    body = good[1:] if header else good
    widths = Counter(len(row) for row in body)
    common = widths.most_common(1)[0][0] if widths else 0
    if header:
        first = next(i for i, (_, row) in enumerate(start) if not isinstance(row, BadRow))
        number, _ = start.pop(first)
        columns = names_of(good[0], body)
        if len(columns) == 1 < common:
            wide = f"has 1 field, and most rows have {common}: remove it, or check the delimiter"
            raise UnreadableRow(number, f"{wide} ({options.prefix}delimiter)")
        if twice := duplicates(columns):
            message = f"two columns of one name, {twice[0]!r}: rename one of them"
            raise UnreadableRow(number, f"{message}, or give {options.prefix}header false")
    else:
        whole = [row for row in good if len(row) == common]
        columns, _ = guess_names(list(zip(*whole, strict=True)))
    shape = _Shape.of(body, len(columns), joined)
    names = good[0] if header else None
    return NamedRows(columns, _fitted(chain(start, rows), shape, names, notes), bool(header))


def _fitted(rows: Rows, shape: _Shape, header: Sequence | None, notes: list[str]) -> Rows:
    count, width = 0, shape.width
    for number, row in rows:
        count += 1
        if isinstance(row, BadRow):
            yield number, row
        elif row == header:
            yield number, BadRow("repeats the header: remove it")
        elif len(row) == width:
            yield number, row
        else:
            yield number, shape.fit(number, row)
    notes.extend(shape.notes(count))
