"""A table with the row numbers of its file, and the options that decide how it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from datamodules.files.columns import find_column, inside, no_column, paths
from datamodules.spelling import listed

BadRows = Literal["stop", "skip"]
SHOWN = 5  # rows that were left out, and columns, that a line names


@dataclass(frozen=True)
class ReadOptions:
    """How files are read.

    Attributes:
        delimiter: The text between two fields of a row, or comma | semicolon | tab | pipe | space;
            "auto" finds it.
        header: Whether the first row names the columns; "auto" finds out.
        encoding: The encoding of text files, by its name in Python; "auto" finds it.
        bad_rows: Whether a row that cannot be read is an error (stop), or is left out (skip).
        columns: Names of columns that the user gave. A first row with one of them is a header.
        prefix: What stands before the name of a flag in errors.
    """

    delimiter: str = "auto"
    header: bool | Literal["auto"] = "auto"
    encoding: str = "auto"
    bad_rows: BadRows = "stop"
    columns: tuple[str, ...] = ()
    prefix: str = "--data."

    def given(self, *flags: Literal["delimiter", "header", "encoding"]) -> list[str]:
        """Those of the flags that decide something, as they are written."""
        return [f"{self.prefix}{flag}" for flag in flags if getattr(self, flag) != "auto"]

    def refuse(self, *others: str) -> None:
        """Refuse the flags of text files, and others that the user gave, where no file is read.

        Raises:
            ValueError: If there is one.
        """
        flags = self.given("delimiter", "header", "encoding")
        if flags := [*flags, *(f"{self.prefix}{name}" for name in others)]:
            raise ValueError(
                f"{flags[0]}: only files have one: leave it out, or give --data.source PATH"
            )


class BadRow(NamedTuple):
    """A row that cannot be read."""

    reason: str


class UnreadableRow(ValueError):
    """A fault of one row that ends the reading of its file."""

    def __init__(self, row: int | str, reason: str) -> None:
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True)
class Table:
    """The columns of a file.

    Attributes:
        name: The path of the file, for errors.
        columns: The values of each column as the file spells them, N each.
        rows: The N row numbers that errors name, or the names of the files with a row each.
        left_out: The rows that were left out: their numbers, and why.
        label_names: The names of a column's classes in the order of their ids, where the file
            states them.
        notes: Remarks about the reading of the file, a line each, without the file's name.
        hint: What else can be the cause where a column is missing.
        header: Whether the names of the columns stand in the file.
        adds_nulls: Whether the format gives a record a null for a key that only others have.
    """

    name: str
    columns: Mapping[str, Sequence]
    rows: Sequence[int | str]
    left_out: tuple[tuple[int | str, str], ...] = ()
    label_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    hint: str = ""
    header: bool = True
    adds_nulls: bool = False

    def find(self, name: str) -> str | None:
        """The name of a column that is given by name, or by its number from 1; None if missing.

        A path such as ``data.text`` is the name of the values there, where a row has one.
        """
        found = find_column(self.columns, name)
        if found is None and any(value is not None for value in self._inside(name)):
            return name
        return found

    def column(self, name: str, flag: str) -> Sequence:
        """A column by name, number or path; if it is missing, the error names the others."""
        found = self.find(name)
        if found is None:
            firsts = {
                name: next((value for value in column if value is not None), None)
                for name, column in self.columns.items()
            }
            message = no_column(paths(firsts), [name], f"--data.{flag}")
            raise self.fault(message + self.hint, flag)
        return self.columns[found] if found in self.columns else self._inside(found)

    def _inside(self, path: str) -> list:
        """The value of each row at a path inside of a column."""
        name, _, rest = path.partition(".")
        return [inside(value, rest) for value in self.columns.get(name, ()) if rest]

    def take(self, indices: Sequence[int]) -> "Table":
        """The rows at the given positions, in that order."""
        columns = {  # a column that was not read is empty
            name: [column[i] for i in indices] if len(column) else column
            for name, column in self.columns.items()
        }
        return replace(self, columns=columns, rows=[self.rows[i] for i in indices])

    def without(self, reasons: Mapping[int, str]) -> "Table":
        """Leave out the rows at these positions, and remember why."""
        if not reasons:
            return self
        kept = self.take([i for i in range(len(self.rows)) if i not in reasons])
        left = tuple((self.rows[i], reason) for i, reason in sorted(reasons.items()))
        return replace(kept, left_out=self.left_out + left)

    def remarks(self) -> list[str]:
        """The notes, and a line about the rows that were left out; each names the file."""
        name = self.name.rsplit("/", 1)[-1]
        lines = [f"{name}: {note}" for note in self.notes]
        if self.left_out:
            reasons = (f"row {row}: {reason}" for row, reason in self.left_out)
            first = listed(reasons, SHOWN, "; ")
            rows = "row was" if len(self.left_out) == 1 else "rows were"
            lines.append(f"{name}: {len(self.left_out):,} {rows} left out: {first}")
        return lines

    def fault(self, message: str, flag: str, index: int | None = None) -> ValueError:
        """Make the one-line error about example ``index``, or about the whole table."""
        return fault(self.name, message, flag, None if index is None else self.rows[index])


def fault(
    name: Any, message: str, flag: str = "source", row: int | str | None = None, of: str = "--data."
) -> ValueError:
    """Make the one-line error about a file, or about a row of it.

    Args:
        name: The path of the file.
        message: The fault and its cure.
        flag: The flag that is to blame, without its prefix.
        row: The number of the row, or the name of its file in a folder.
        of: The prefix of the flag.
    """
    where = f"{name}" if row is None else f"{name}, row {row}"
    if isinstance(row, str):
        where = f"{name}/{row}"
    return ValueError(f"{of}{flag}: {where}: {message}")
