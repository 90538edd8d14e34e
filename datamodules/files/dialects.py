"""How the rows of a delimited text file are written: its delimiter and its quotation marks."""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator
from typing import NamedTuple

from datamodules.files.table import BadRow, ReadOptions

NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
LONGEST = 64 * 2**20  # characters of a row
RARE = ("\x01", "\x1f", "^", "~", "¦", "::", "||")  # of Hive, of databases, of MovieLens
_FIRST = {".csv": ",;\t|", ".tsv": "\t,;|", ".tab": "\t,;|", ".psv": "|,;\t"}


class Dialect(NamedTuple):
    """How rows are written.

    Attributes:
        delimiter: The text between two fields.
        quotes: Whether fields may stand in quotation marks: none, doubled (a mark inside is
            written twice) or escaped (it comes after a backslash).
        spaces: Whether a space after the delimiter is no part of the field.
    """

    delimiter: str
    quotes: str = "doubled"
    spaces: bool = False

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Split lines into rows. A quoted field may span lines; a wrong quote is a csv.Error."""
        if self.quotes == "none":
            return (line.rstrip("\r\n").split(self.delimiter) for line in lines)
        csv.field_size_limit(2**31 - 1)  # the default refuses texts of more than 131,072 characters
        # Strict, because otherwise a quote that is never closed swallows the rest of the file.
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            strict=True,
            skipinitialspace=self.spaces,
            doublequote=self.quotes == "doubled",
            escapechar="\\" if self.quotes == "escaped" else None,
        )


def shown(delimiter: str) -> str:
    """The delimiter as a user would type it: its name, if it has one."""
    return next((name for name, text in NAMES.items() if text == delimiter), repr(delimiter))


def typed(delimiter: str) -> str:
    """The delimiter that a user means: a name, an escape such as ``\\t``, or the text itself.

    Raises:
        ValueError: For a text that cannot delimit fields.
    """
    found = NAMES.get(delimiter.lower(), delimiter)
    if re.fullmatch(r"\\(t|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})", found):
        found = found.encode().decode("unicode_escape")
    if not found or set(found) & set('"\r\n'):
        names = ", ".join(NAMES)
        raise ValueError(f"{delimiter!r} cannot delimit fields: give {names}, or a text")
    return found


def find_dialect(sample: list[str], suffix: str, options: ReadOptions) -> Dialect | None:
    """The dialect of lines of a file, in which they have rows of the same width.

    The delimiter of the file's ending counts, unless it does not fit. None if there is no
    delimiter: each line is one field.
    """
    if options.delimiter != "auto":
        return _with_quotes(typed(options.delimiter), sample)
    table = suffix in _FIRST  # other files may hold prose
    candidates = _FIRST.get(suffix, "\t;|,")
    there = [d for d in (*candidates, *RARE) if d in "".join(sample[:1])]
    # A space after each of them is more likely to be prose.
    prose = [d for d in there if d in ",;" and not any(re.search(f"{d}\\S", s) for s in sample)]
    likely = [d for d in there if d not in prose]
    for delimiter in [*likely, *prose] if table else likely:
        dialect = _with_quotes(delimiter, sample)
        widths = [len(row) for row in sample_rows(dialect, sample) if row is not None]
        width, count = Counter(widths).most_common(1)[0] if widths else (0, 0)
        usual = table and delimiter == candidates[0]
        share = 0.5 if usual else 0.7 if table else 0.98 if delimiter in "\t|" else 1
        # The header of a table of R has no name for the row numbers.
        if width > 1 and count >= share * len(widths) and (usual or 0 <= width - widths[0] <= 1):
            return dialect
    return Dialect(candidates[0]) if table else None


def _with_quotes(delimiter: str, sample: list[str]) -> Dialect:
    """Find out whether quotation marks in the sample are those of CSV, or characters of a text."""
    if len(delimiter) > 1:
        return Dialect(delimiter, "none")
    usual = delimiter in ",;"
    if not any('"' in line for line in sample):
        return Dialect(delimiter, "doubled" if usual else "none")
    plain, doubled = Dialect(delimiter, "none"), Dialect(delimiter)
    if not usual:
        return doubled if _well_quoted(plain, doubled, sample) else plain
    ways = [doubled, doubled._replace(spaces=True), Dialect(delimiter, "escaped")]
    faults = [_faults(way, sample) for way in ways]
    return ways[faults.index(min(faults))]


def _faults(dialect: Dialect, sample: list[str]) -> int:
    """The number of rows that are wrongly quoted or not as wide as the others."""
    rows = sample_rows(dialect, sample)
    widths = Counter(len(row) for row in rows if row is not None)
    return len(rows) - (widths.most_common(1)[0][1] if widths else 0)


def _well_quoted(plain: Dialect, doubled: Dialect, sample: list[str]) -> bool:
    """Whether a file that need not know quotes was written with them.

    A text may begin and end with quotation marks of its own. Those of a writer are there because a
    delimiter, a line end or a doubled mark is inside, or because a whole column has them.
    """
    found = sample_rows(doubled, sample)
    raw = [row for row in sample_rows(plain, sample) if row is not None]
    rows = [row for row in found if row is not None]
    if len(rows) < len(found):
        return False
    widths = Counter(len(row) for row in raw)
    if len(raw) != len(rows):  # fields over several lines, or marks that close by chance
        return len(widths) > 1
    if [len(row) for row in raw] != [len(row) for row in rows]:
        return True
    pairs = [
        pair
        for one, other in zip(raw, rows, strict=True)
        for pair in zip(one, other or (), strict=True)
    ]
    quoted = [(one, other) for one, other in pairs if one[:1] == '"']
    if any('"' in one for one, _ in pairs if one[:1] != '"'):
        return False  # a writer would have put the field into marks
    if any('"' in other for _, other in quoted):
        return True
    columns = zip(*raw[1:], strict=True) if len(raw) > 3 and len(widths) == 1 else ()
    return any(all(field[:1] == '"' for field in column) for column in columns)


def sample_rows(dialect: Dialect, sample: list[str]) -> list[list[str] | None]:
    """The rows of a sample without empty ones; None for one that is wrongly quoted."""
    rows = read_rows(dialect, iter(sample), whole=False)
    return [row if isinstance(row, list) else None for _, row in rows if row not in ([], [""])]


def read_rows(
    dialect: Dialect, lines: Iterator[str], whole: bool = True
) -> Iterator[tuple[int, list[str] | BadRow]]:
    """Read rows, each with the number of its first line.

    After a row with a wrong quote it goes on at the next line.

    Args:
        whole: Whether the lines end where the file ends. Otherwise the last row may be cut.
    """
    taken: list[str] = []
    again: deque[str] = deque()

    def feed() -> Iterator[str]:
        size = 0
        while True:
            line = again.popleft() if again else next(lines, None)
            if line is None:
                return
            size = len(line) if not taken else size + len(line)
            if size > LONGEST:
                raise csv.Error(f"a quote is not closed within {LONGEST // 2**20} MiB")
            taken.append(line)
            yield line

    number, reader = 1, dialect.reader(feed())
    while True:
        try:
            for row in reader:
                yield number, row
                number += len(taken)
                taken.clear()
            return
        except csv.Error as error:
            if not whole and "unexpected end" in str(error):
                return
            yield number, BadRow(f"is not valid CSV ({error}): check the quotes")
            again.extendleft(reversed(taken[1:]))
            taken.clear()
            number, reader = number + 1, dialect.reader(feed())
